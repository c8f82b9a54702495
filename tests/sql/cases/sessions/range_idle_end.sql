-- A session with a range also ends by its idle time; the row that shows it opens no new one unless
-- the start predicate holds.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, window_end, group_array(v)
from session(s, t, 5s, 60s, [v > 10, v < 0]) group by window_start, window_end;

insert into s (v, t) values (11, '2020-02-02 20:00:01')(5, '2020-02-02 20:00:20')
  (6, '2020-02-02 20:00:21');
-- rows
--   ["2020-02-02 20:00:01.000", "2020-02-02 20:00:06.000", [11]]
insert into s (v, t) values (12, '2020-02-02 20:00:22')(7, '2020-02-02 20:00:40');
-- rows
--   ["2020-02-02 20:00:22.000", "2020-02-02 20:00:27.000", [12]]
