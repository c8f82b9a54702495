-- A global aggregate over the results of windows.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
with w as (select window_start as ws, sum(v) as x from tumble(s, 1s) group by window_start)
select count(), max(x) from w emit on update;
insert into s (v, t) values (5, '2020-02-02 20:00:00')(2, '2020-02-02 20:00:01')
  (1, '2020-02-02 20:00:02');
-- rows
--   [2, 5]
insert into s (v, t) values (9, '2020-02-02 20:00:03');
-- rows
--   [3, 5]
