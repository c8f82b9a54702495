-- PERIODIC i ON UPDATE: every i only the groups that changed since the last emit.
create stream s (k string, v int32);

-- query
select k, sum(v) from s group by k emit periodic 2s on update;

insert into s (k, v) values ('a', 1)('b', 2);
insert into s (k, v) values ('a', 1);
-- no rows
-- wait 2s
-- rows
--   ["a", 2]
--   ["b", 2]
insert into s (k, v) values ('b', 1);
-- wait 2s
-- rows
--   ["b", 3]
-- wait 2s
-- no rows
