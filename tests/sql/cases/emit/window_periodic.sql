-- PERIODIC on a window: every i, after new rows, all open windows and those just closed.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from tumble(s, 5s) group by window_start emit periodic 1s;

insert into s (v, t) values (1, '2020-02-02 20:00:01');
-- wait 1s
-- rows
--   ["2020-02-02 20:00:00.000", 1]
-- wait 1500ms
-- no rows
insert into s (v, t) values (2, '2020-02-02 20:00:02');
insert into s (v, t) values (4, '2020-02-02 20:00:06');
-- no rows
-- wait 500ms
-- rows
--   ["2020-02-02 20:00:00.000", 3]
--   ["2020-02-02 20:00:05.000", 4]
-- wait 100ms
insert into s (v, t) values (8, '2020-02-02 20:00:07');
-- wait 900ms
-- rows
--   ["2020-02-02 20:00:05.000", 12]
