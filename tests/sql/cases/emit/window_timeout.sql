-- TIMEOUT t: when no row came for t, all open windows are closed and sent.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from tumble(s, 5s) group by window_start emit timeout 3s;

insert into s (v, t) values (1, '2020-02-02 20:00:01');
-- wait 2s
insert into s (v, t) values (2, '2020-02-02 20:00:02');
-- wait 2999ms
-- no rows
-- wait 1ms
-- rows
--   ["2020-02-02 20:00:00.000", 3]
-- wait 1h
-- no rows
