-- EMIT CHANGELOG PERIODIC of windows: every interval what changed since the last emission, also of windows just closed.
create stream s (k string, v int, t datetime64(3)) settings event_time_column = 't';

-- query
select k, sum(v), window_start, _tp_delta from tumble(s, 5s) group by k, window_start emit changelog periodic 2s;

insert into s (k, v, t) values ('a', 1, '2026-01-01 00:00:01')('b', 2, '2026-01-01 00:00:02');
-- no rows
-- wait 2500ms
-- rows
--   ["a", 1, "2026-01-01 00:00:00.000", 1]
--   ["b", 2, "2026-01-01 00:00:00.000", 1]
insert into s (k, v, t) values ('a', 1, '2026-01-01 00:00:03');
insert into s (k, v, t) values ('a', 1, '2026-01-01 00:00:04');
insert into s (k, v, t) values ('c', 4, '2026-01-01 00:00:05');
-- wait 2s
-- rows
--   ["a", 1, "2026-01-01 00:00:00.000", -1]
--   ["a", 3, "2026-01-01 00:00:00.000", 1]
--   ["c", 4, "2026-01-01 00:00:05.000", 1]
-- wait 10s
-- no rows

-- An aggregation above sees each window as it is now.
-- query
select sum(total) from (
  select k, sum(v) as total, window_start from tumble(s, 5s) group by k, window_start emit changelog on update
) emit on update;
insert into s (k, v, t) values ('a', 1, '2026-01-01 00:01:01')('b', 2, '2026-01-01 00:01:02');
-- rows
--   [3]
insert into s (k, v, t) values ('a', 10, '2026-01-01 00:01:03');
-- rows
--   [13]
