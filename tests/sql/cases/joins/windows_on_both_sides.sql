-- Results of two window aggregations are joined by their windows; each side has its own watermark.
create stream a (k string, t datetime64(3)) settings event_time_column = 't';
create stream b (k string, t datetime64(3)) settings event_time_column = 't';

-- query
select l.k, l.n, r.n from
  (select window_start, k, count() as n from tumble(a, 5s) group by window_start, k) as l
  join (select window_start, k, count() as n from tumble(b, 5s) group by window_start, k) as r
  on l.window_start = r.window_start and l.k = r.k;
insert into a (k, t) values ('x', '2026-01-01 00:00:01')('x', '2026-01-01 00:00:06');
-- no rows
insert into b (k, t) values ('x', '2026-01-01 00:00:01')('x', '2026-01-01 00:00:03')('x', '2026-01-01 00:00:06');
-- rows
--   ["x", 1, 2]
