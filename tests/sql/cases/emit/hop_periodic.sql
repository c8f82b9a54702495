-- PERIODIC on a hop: all open windows that contain rows.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from hop(s, 2s, 4s) group by window_start emit periodic 1s;
insert into s (v, t) values (1, '2020-02-02 20:00:00');
-- wait 1s
-- rows
--   ["2020-02-02 19:59:58.000", 1]
--   ["2020-02-02 20:00:00.000", 1]
-- wait 100ms
insert into s (v, t) values (2, '2020-02-02 20:00:02');
-- wait 900ms
-- rows
--   ["2020-02-02 19:59:58.000", 1]
--   ["2020-02-02 20:00:00.000", 3]
--   ["2020-02-02 20:00:02.000", 2]
