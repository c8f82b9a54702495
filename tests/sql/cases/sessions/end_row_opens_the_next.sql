-- The row that ends a session opens the next one if the start predicate holds for it.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, window_end, group_array(v)
from session(s, t, 10s, 60s, [v % 2 = 0, v > 10)) group by window_start, window_end;

insert into s (v, t) values (2, '2020-02-02 20:00:01')(12, '2020-02-02 20:00:02')
  (3, '2020-02-02 20:00:03')(11, '2020-02-02 20:00:04')(5, '2020-02-02 20:00:05');
-- rows
--   ["2020-02-02 20:00:01.000", "2020-02-02 20:00:02.000", [2]]
--   ["2020-02-02 20:00:02.000", "2020-02-02 20:00:04.000", [12, 3]]
