-- OVER (PARTITION BY k) is PARTITION BY: windows, late rows and aggregates go by substream.
create stream s (k string, v int, t datetime64(3)) settings event_time_column = 't';

-- query
select k, max(v) over (partition by k) as m, window_start from tumble(s, 5s) group by window_start;
insert into s (k, v, t) values ('a', 1, '2026-01-01 00:00:01')('b', 2, '2026-01-01 00:00:01');
insert into s (k, v, t) values ('a', 7, '2026-01-01 00:00:06');
-- rows
--   ["a", 1, "2026-01-01 00:00:00.000"]
insert into s (k, v, t) values ('b', 3, '2026-01-01 00:00:02')('a', 9, '2026-01-01 00:00:02')('b', 0, '2026-01-01 00:00:05');
-- rows
--   ["b", 3, "2026-01-01 00:00:00.000"]

-- error 48
select k, max(v) over (partition by k order by t) from s;
-- error 48
select k, max(v) over (partition by k rows between 1 preceding and current row) from s;
