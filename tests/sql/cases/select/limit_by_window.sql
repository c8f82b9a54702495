-- LIMIT n BY window_start gives the first n of each window: with ORDER BY, a top list per window.
create stream s (k string, v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, k, sum(v) as total from tumble(s, 5s) group by window_start, k
order by total desc limit 1 by window_start;
insert into s (k, v, t) values ('a', 1, '2020-02-02 20:00:01')('b', 2, '2020-02-02 20:00:02')
  ('a', 5, '2020-02-02 20:00:06')('b', 3, '2020-02-02 20:00:06');
insert into s (k, v, t) values ('a', 1, '2020-02-02 20:00:10');
-- rows
--   ["2020-02-02 20:00:00.000", "b", 2]
--   ["2020-02-02 20:00:05.000", "a", 5]
