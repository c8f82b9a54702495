-- Quarters and years are those of the calendar.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
insert into s (v, t) values (1, '2020-02-10 00:00:00')(2, '2020-05-10 00:00:00');

-- query
select window_start, window_end from tumble(table(s), t, 1q);
-- rows
--   ["2020-01-01 00:00:00.000", "2020-04-01 00:00:00.000"]
--   ["2020-04-01 00:00:00.000", "2020-07-01 00:00:00.000"]

-- query
select window_start, window_end, sum(v) from tumble(table(s), t, 1y)
group by window_start, window_end;
-- rows
--   ["2020-01-01 00:00:00.000", "2021-01-01 00:00:00.000", 3]
