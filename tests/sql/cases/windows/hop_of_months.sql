-- A hop may slide by months of the calendar.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, window_end, count() from hop(s, t, 1M, 3M) group by window_start, window_end;
insert into s (v, t) values (1, '2020-02-02 00:00:00')(2, '2020-04-02 00:00:00');
-- rows
--   ["2019-12-01 00:00:00.000", "2020-03-01 00:00:00.000", 1]
--   ["2020-01-01 00:00:00.000", "2020-04-01 00:00:00.000", 1]
