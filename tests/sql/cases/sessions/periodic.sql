-- PERIODIC on sessions: every i, after new rows, the open session and those that ended since.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, window_end, sum(v) from session(s, 5s) group by window_start, window_end
emit periodic 1s;
insert into s (v, t) values (1, '2020-02-02 20:00:00');
-- wait 1s
-- rows
--   ["2020-02-02 20:00:00.000", "2020-02-02 20:00:00.001", 1]
-- wait 500ms
insert into s (v, t) values (2, '2020-02-02 20:00:03')(4, '2020-02-02 20:00:10');
-- wait 500ms
-- rows
--   ["2020-02-02 20:00:00.000", "2020-02-02 20:00:08.000", 3]
--   ["2020-02-02 20:00:10.000", "2020-02-02 20:00:10.001", 4]
