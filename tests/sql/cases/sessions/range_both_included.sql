-- `[start, end]`: the rows that start and end a session belong to it; the end is t + 1 tick.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, window_end, group_array(v)
from session(s, t, 10s, 60s, [v > 10, v < 0]) group by window_start, window_end;

insert into s (v, t) values (5, '2020-02-02 20:00:00')(11, '2020-02-02 20:00:01')
  (5, '2020-02-02 20:00:02')(12, '2020-02-02 20:00:03')(-1, '2020-02-02 20:00:04');
-- rows
--   ["2020-02-02 20:00:01.000", "2020-02-02 20:00:04.001", [11, 5, 12, -1]]
insert into s (v, t) values (6, '2020-02-02 20:00:05')(13, '2020-02-02 20:00:06')
  (-2, '2020-02-02 20:00:07');
-- rows
--   ["2020-02-02 20:00:06.000", "2020-02-02 20:00:07.001", [13, -2]]
