-- SHUFFLE BY is a hint: same results.
create stream s (k string, v int32);

-- query
select k, sum(v) from s shuffle by k group by k emit on update;
insert into s (k, v) values ('a', 1)('b', 2);
-- rows
--   ["a", 1]
--   ["b", 2]
