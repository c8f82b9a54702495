-- group_array_sample keeps a random sample of a bounded size, sorted; fewer values are all there.
create stream s (k string, v int32);
insert into s (k, v) values ('a', 3)('a', 1)('b', 7)('a', 1);

-- query
select k, group_array_sample(v, 5), group_array_sample_if(v, 5, v > 2) from table(s) group by k order by k;
-- rows
--   ["a", [1, 1, 3], [3]]
--   ["b", [7], [7]]
-- end

-- query
select length(group_array_sample(v, 2)) as size, array_all(x -> x in (1, 3, 7), group_array_sample(v, 2, 9)) as known
from table(s);
-- rows
--   [2, true]
-- end

-- query
select count(), length(group_array_sample(v, 2)), group_array_sample(v, 100) from s emit on update;
insert into s (k, v) values ('a', 4)('b', 2);
-- rows
--   [2, 2, [2, 4]]
insert into s (k, v) values ('b', 9);
-- rows
--   [3, 2, [2, 4, 9]]
-- error 69
select group_array_sample(v, 0) from s;

-- In windows, also when panes are merged into them.
create stream e (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, group_array_sample(v, 9), length(group_array_sample(v, 2)) from hop(e, 1s, 2s) group by window_start;
insert into e (v, t) values (4, '2026-01-01 00:00:00')(3, '2026-01-01 00:00:00.5')(2, '2026-01-01 00:00:01');
-- rows
--   ["2025-12-31 23:59:59.000", [3, 4], 2]
insert into e (v, t) values (1, '2026-01-01 00:00:02');
-- rows
--   ["2026-01-01 00:00:00.000", [2, 3, 4], 2]
