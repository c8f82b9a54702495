-- A constant predicate on `_tp_sn` starts the query at that append.
create stream s (v int32);
insert into s (v) values (1);
insert into s (v) values (2);
insert into s (v) values (3);

-- query
select v from s where _tp_sn >= 1;
-- rows
--   [2]
--   [3]
insert into s (v) values (4);
-- rows
--   [4]
