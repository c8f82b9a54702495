-- `agg(x) over (partition by k)` is the same as PARTITION BY k.
create stream s (k string, v int32);

-- query
select k, sum(v) over (partition by k) from s emit on update;
insert into s (k, v) values ('a', 1)('b', 2);
insert into s (k, v) values ('a', 3);
-- rows
--   ["a", 1]
--   ["b", 2]
--   ["a", 4]
