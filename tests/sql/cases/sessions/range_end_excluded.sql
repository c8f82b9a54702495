-- `[start, end)`: the row that ends a session does not belong to it; the end is its time.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, window_end, group_array(v)
from session(s, t, 10s, 60s, [v > 10, v < 0)) group by window_start, window_end;

insert into s (v, t) values (11, '2020-02-02 20:00:01')(5, '2020-02-02 20:00:02')
  (-1, '2020-02-02 20:00:04')(7, '2020-02-02 20:00:05');
-- rows
--   ["2020-02-02 20:00:01.000", "2020-02-02 20:00:04.000", [11, 5]]
