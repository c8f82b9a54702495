-- PERIODIC REPEAT on a window sends open windows also without new rows.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from tumble(s, 5s) group by window_start emit periodic 1s repeat;
insert into s (v, t) values (1, '2020-02-02 20:00:01');
-- wait 2s
-- rows
--   ["2020-02-02 20:00:00.000", 1]
--   ["2020-02-02 20:00:00.000", 1]
