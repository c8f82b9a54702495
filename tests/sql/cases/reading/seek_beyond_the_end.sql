-- A seek beyond the newest append waits for it: rows before it are not sent.
create stream s (v int32);
insert into s (v) values (1);

-- query
select v from s where _tp_sn >= 2;
insert into s (v) values (2);
-- no rows
insert into s (v) values (3);
-- rows
--   [3]
