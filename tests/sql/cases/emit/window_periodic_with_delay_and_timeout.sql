-- PERIODIC together with DELAY and TIMEOUT is accepted.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from tumble(s, 5s) group by window_start
emit periodic 1s with delay 2s and timeout 10s;

insert into s (v, t) values (1, '2020-02-02 20:00:01')(2, '2020-02-02 20:00:06');
-- wait 1s
-- rows
--   ["2020-02-02 20:00:00.000", 1]
--   ["2020-02-02 20:00:05.000", 2]
insert into s (v, t) values (4, '2020-02-02 20:00:02');
-- wait 1s
-- rows
--   ["2020-02-02 20:00:00.000", 5]
--   ["2020-02-02 20:00:05.000", 2]
