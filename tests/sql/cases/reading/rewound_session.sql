-- A session over the past, then live. The row at 30 s is beyond the limit of 25 s (5 x idle), which is
-- tested before the idle time.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
insert into s (v, t) values (1, '2022-01-01 00:00:00')(2, '2022-01-01 00:00:03');
insert into s (v, t) values (4, '2022-01-01 00:00:30');

-- query
select window_start, window_end, sum(v) from session(s, 5s) group by window_start, window_end
settings seek_to = 'earliest';
-- rows
--   ["2022-01-01 00:00:00.000", "2022-01-01 00:00:25.000", 3]
insert into s (v, t) values (8, '2022-01-01 00:00:36');
-- rows
--   ["2022-01-01 00:00:30.000", "2022-01-01 00:00:35.000", 4]
