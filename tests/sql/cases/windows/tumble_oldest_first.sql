-- All windows that one append closes are sent together, oldest first; keys in the order they came.
create stream s (k string, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, k, count() from tumble(s, 1s) group by window_start, k;

insert into s (k, t) values ('b', '2020-02-02 20:00:02')('a', '2020-02-02 20:00:00')
  ('b', '2020-02-02 20:00:00')('c', '2020-02-02 20:00:09');
-- rows
--   ["2020-02-02 20:00:00.000", "a", 1]
--   ["2020-02-02 20:00:00.000", "b", 1]
--   ["2020-02-02 20:00:02.000", "b", 1]
