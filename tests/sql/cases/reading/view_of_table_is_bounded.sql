-- A view over table() is bounded.
create stream s (v int32);
create view total as select sum(v) as x from table(s);
insert into s (v) values (1)(2);

-- query
select x from total;
-- rows
--   [3]
-- end
