-- Weeks start on Monday: Sunday 2020-02-02 belongs to the week of 2020-01-27.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, window_end, sum(v) from tumble(s, t, 1w) group by window_start, window_end;

insert into s (v, t) values (1, '2020-01-27 00:00:00')(2, '2020-02-02 23:59:59')
  (4, '2020-02-03 00:00:00');
-- rows
--   ["2020-01-27 00:00:00.000", "2020-02-03 00:00:00.000", 3]
