-- HAVING filters the rows of each closed window.
create stream s (k string, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, k, count() as n from tumble(s, 5s) group by window_start, k having n > 1;

insert into s (k, t) values ('a', '2020-02-02 20:00:01')('b', '2020-02-02 20:00:02')
  ('b', '2020-02-02 20:00:03');
insert into s (k, t) values ('a', '2020-02-02 20:00:06');
-- rows
--   ["2020-02-02 20:00:00.000", "b", 2]
