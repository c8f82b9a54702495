-- PARTITION BY k without GROUP BY: the aggregate runs per k, and k may be selected.
create stream s (k string, v int32);

-- query
select k, max(v) from s partition by k emit on update;
insert into s (k, v) values ('a', 1)('b', 2);
insert into s (k, v) values ('a', 0);
-- rows
--   ["a", 1]
--   ["b", 2]
--   ["a", 1]
