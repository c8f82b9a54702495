-- aggregate_state_ttl_sec: a group without rows for so long is forgotten and begins anew.
create stream s (k string, v int32);

-- query
select k, sum(v) from s group by k emit on update settings aggregate_state_ttl_sec = 10;
insert into s (k, v) values ('a', 1)('b', 1);
-- rows
--   ["a", 1]
--   ["b", 1]
-- wait 6s
insert into s (k, v) values ('a', 2);
-- rows
--   ["a", 3]
-- wait 6s
insert into s (k, v) values ('a', 4)('b', 4);
-- rows
--   ["a", 7]
--   ["b", 4]
-- wait 10s
insert into s (k, v) values ('a', 8);
-- rows
--   ["a", 8]

-- query
select k, sum(v) from s group by k emit periodic 1s settings aggregate_state_ttl_sec = 10;
insert into s (k, v) values ('a', 1);
-- wait 1s
-- rows
--   ["a", 1]
-- wait 5s
insert into s (k, v) values ('b', 1);
-- wait 1s
-- rows
--   ["a", 1]
--   ["b", 1]
-- wait 5s
insert into s (k, v) values ('b', 1);
-- wait 1s
-- rows
--   ["b", 2]
-- error 36
select count() from s settings aggregate_state_ttl_sec = -1;
