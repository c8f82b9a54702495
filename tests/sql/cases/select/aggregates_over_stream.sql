-- The usual aggregates go on over appends.
create stream s (k string, v int32);

-- query
select min(v), max(v), avg(v), count_distinct(k), arg_max(k, v), latest(v), earliest(v), group_array(v)
from s emit on update;
insert into s (k, v) values ('a', 4)('b', 2);
-- rows
--   [2, 4, 3.0, 2, "a", 2, 4, [4, 2]]
insert into s (k, v) values ('b', 9);
-- rows
--   [2, 9, 5.0, 2, "b", 9, 4, [4, 2, 9]]
