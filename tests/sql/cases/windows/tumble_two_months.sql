-- Windows of several months count from 1970-01.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, window_end, sum(v) from tumble(s, t, 2M) group by window_start, window_end;

insert into s (v, t) values (1, '2020-02-10 00:00:00')(2, '2020-01-10 00:00:00')
  (4, '2020-04-01 00:00:00');
-- rows
--   ["2020-01-01 00:00:00.000", "2020-03-01 00:00:00.000", 3]
