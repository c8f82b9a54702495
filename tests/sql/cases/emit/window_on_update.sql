-- ON UPDATE on a window: after each append the changed (window, key) rows of open windows.
create stream s (k string, v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, k, sum(v) from tumble(s, 5s) group by window_start, k emit on update;

insert into s (k, v, t) values ('a', 1, '2020-02-02 20:00:01')('b', 2, '2020-02-02 20:00:02');
-- rows
--   ["2020-02-02 20:00:00.000", "a", 1]
--   ["2020-02-02 20:00:00.000", "b", 2]
insert into s (k, v, t) values ('b', 4, '2020-02-02 20:00:03');
-- rows
--   ["2020-02-02 20:00:00.000", "b", 6]
insert into s (k, v, t) values ('b', 8, '2020-02-02 20:00:06');
-- rows
--   ["2020-02-02 20:00:05.000", "b", 8]
insert into s (k, v, t) values ('a', 16, '2020-02-02 20:00:04');
-- no rows
