-- PERIODIC i ON UPDATE on a window: every i the changed (window, key) rows.
create stream s (k string, v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, k, sum(v) from tumble(s, 5s) group by window_start, k
emit periodic 2s on update;

insert into s (k, v, t) values ('a', 1, '2020-02-02 20:00:01')('b', 2, '2020-02-02 20:00:02');
-- wait 2s
-- rows
--   ["2020-02-02 20:00:00.000", "a", 1]
--   ["2020-02-02 20:00:00.000", "b", 2]
insert into s (k, v, t) values ('b', 4, '2020-02-02 20:00:03');
-- wait 2s
-- rows
--   ["2020-02-02 20:00:00.000", "b", 6]
-- wait 2s
-- no rows
