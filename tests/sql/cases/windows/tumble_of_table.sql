-- tumble over table() is a bounded query: every window is there, the last one too.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
insert into s (v, t) values (1, '2020-02-02 20:00:06')(2, '2020-02-02 20:00:01')
  (4, '2020-02-02 20:00:07');

-- query
select window_start, sum(v) from tumble(table(s), 5s) group by window_start order by window_start;
-- rows
--   ["2020-02-02 20:00:00.000", 2]
--   ["2020-02-02 20:00:05.000", 5]
-- end
