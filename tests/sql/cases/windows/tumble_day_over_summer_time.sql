-- A day of a zone lasts 23 hours when its clocks go forward: Berlin, 2024-03-31.
create stream s (v int32, t datetime64(3, 'UTC')) settings event_time_column = 't';

-- query
select to_unix_timestamp(window_end) - to_unix_timestamp(window_start) as seconds, sum(v)
from tumble(s, t, 1d, 'Europe/Berlin') group by window_start, window_end;

insert into s (v, t) values (1, '2024-03-30 23:00:00')(2, '2024-03-31 21:59:59')
  (4, '2024-03-31 22:00:00');
-- rows
--   [82800, 3]
