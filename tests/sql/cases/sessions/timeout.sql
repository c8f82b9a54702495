-- TIMEOUT ends an open session; its end is then its last event + 1 tick.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, window_end, sum(v) from session(s, 5s) group by window_start, window_end
emit timeout 2s;

insert into s (v, t) values (1, '2020-02-02 20:00:00')(2, '2020-02-02 20:00:03');
-- wait 1999ms
-- no rows
-- wait 1ms
-- rows
--   ["2020-02-02 20:00:00.000", "2020-02-02 20:00:03.001", 3]
