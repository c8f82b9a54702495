-- moving_sum is the array of the sums so far; latest and earliest go by arrival, lag over groups.
create stream s (k string, v int32);

-- query
select k, moving_sum(v), latest(v), earliest(v), lag(latest(v)) as before from s group by k emit on update;
insert into s (k, v) values ('a', 1)('b', 2)('a', 5);
-- rows
--   ["a", [1, 6], 5, 1, 0]
--   ["b", [2], 2, 2, 5]
insert into s (k, v) values ('b', 9);
-- rows
--   ["b", [2, 11], 9, 2, 2]
