-- EMIT CHANGELOG ON UPDATE of sessions: the row is taken back with the bounds that it was shown with.
create stream s (k string, v int, t datetime64(3)) settings event_time_column = 't';

-- query
select sum(v), window_start, window_end, _tp_delta from session(s, 5s) group by window_start, window_end
emit changelog on update;

insert into s (k, v, t) values ('a', 1, '2026-01-01 00:00:01');
-- rows
--   [1, "2026-01-01 00:00:01.000", "2026-01-01 00:00:01.001", 1]
insert into s (k, v, t) values ('a', 2, '2026-01-01 00:00:03');
-- rows
--   [1, "2026-01-01 00:00:01.000", "2026-01-01 00:00:01.001", -1]
--   [3, "2026-01-01 00:00:01.000", "2026-01-01 00:00:03.001", 1]
insert into s (k, v, t) values ('a', 4, '2026-01-01 00:00:20');
-- rows
--   [4, "2026-01-01 00:00:20.000", "2026-01-01 00:00:20.001", 1]
