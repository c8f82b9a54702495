-- EMIT CHANGELOG ON UPDATE of windows: after each append the rows that changed are taken back, then sent anew.
create stream s (k string, v int, t datetime64(3)) settings event_time_column = 't';

-- query
select k, sum(v), max(k), window_start, _tp_delta from tumble(s, 5s) group by k, window_start emit changelog on update;

insert into s (k, v, t) values ('a', 1, '2026-01-01 00:00:01')('b', 2, '2026-01-01 00:00:02');
-- rows
--   ["a", 1, "a", "2026-01-01 00:00:00.000", 1]
--   ["b", 2, "b", "2026-01-01 00:00:00.000", 1]
insert into s (k, v, t) values ('b', 3, '2026-01-01 00:00:03')('a', 9, '2026-01-01 00:00:06');
-- rows
--   ["b", 2, "b", "2026-01-01 00:00:00.000", -1]
--   ["b", 5, "b", "2026-01-01 00:00:00.000", 1]
--   ["a", 9, "a", "2026-01-01 00:00:05.000", 1]

-- A window that is over is not taken back, and late rows change nothing.
insert into s (k, v, t) values ('a', 7, '2026-01-01 00:00:04')('a', 1, '2026-01-01 00:00:12');
-- rows
--   ["a", 1, "a", "2026-01-01 00:00:10.000", 1]

-- Hopping windows: a row changes several of them.
-- query
select count(), window_start, _tp_delta from hop(s, 5s, 10s) group by window_start emit changelog on update;
insert into s (k, v, t) values ('a', 1, '2026-01-01 00:01:01');
-- rows
--   [1, "2026-01-01 00:00:55.000", 1]
--   [1, "2026-01-01 00:01:00.000", 1]
insert into s (k, v, t) values ('a', 1, '2026-01-01 00:01:06');
-- rows
--   [1, "2026-01-01 00:01:00.000", -1]
--   [2, "2026-01-01 00:01:00.000", 1]
--   [1, "2026-01-01 00:01:05.000", 1]
