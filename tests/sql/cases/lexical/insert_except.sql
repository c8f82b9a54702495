-- `insert into s(* except ...)` takes all columns but those.
create stream s (a int32, b string default 'none', c int32);
insert into s (* except (b, _tp_time)) values (1, 2);
insert into s (* except _tp_time) values (1, 'x', 3);

-- query
select a, b, c from table(s);
-- rows
--   [1, "none", 2]
--   [1, "x", 3]
