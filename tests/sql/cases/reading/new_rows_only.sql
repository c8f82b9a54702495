-- A query over a stream sees only rows that were appended after it was accepted.
create stream s (v int32);
insert into s (v) values (1);

-- query
select v from s;
-- no rows
insert into s (v) values (2);
-- rows
--   [2]
