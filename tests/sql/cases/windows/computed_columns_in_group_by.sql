-- GROUP BY an expression beside the window; aggregates of expressions.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start as ws, v % 2 as odd, sum(v * 10) / count() as mean from tumble(s, 5s)
group by ws, odd;
insert into s (v, t) values (1, '2020-02-02 20:00:00')(2, '2020-02-02 20:00:00')
  (3, '2020-02-02 20:00:01')(9, '2020-02-02 20:00:05');
-- rows
--   ["2020-02-02 20:00:00.000", 1, 20.0]
--   ["2020-02-02 20:00:00.000", 0, 20.0]
