-- `1M` is a month of the calendar (`1m` is a minute); February 2020 has 29 days.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, window_end, sum(v) from tumble(s, t, 1M) group by window_start, window_end;

insert into s (v, t) values (1, '2020-02-01 00:00:00')(2, '2020-02-29 23:59:59.999')
  (4, '2020-03-01 00:00:00');
-- rows
--   ["2020-02-01 00:00:00.000", "2020-03-01 00:00:00.000", 3]
