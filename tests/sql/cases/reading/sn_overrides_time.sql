-- With bounds on both, the one on `_tp_sn` says where reading begins.
create stream s (v int32);
insert into s (v) values (1);
insert into s (v) values (2);

-- query
select v from s where _tp_sn >= 1 and _tp_time > earliest_ts();
-- rows
--   [2]
insert into s (v) values (3);
-- rows
--   [3]
