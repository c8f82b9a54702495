-- Over a changelog a row that goes is an event of its own time: it belongs to the session that is open then.
create stream s (k string, v int, t datetime64(3)) settings mode = 'changelog', event_time_column = 't';

-- query
select sum(v), count(), window_start, window_end from session(s, 5s) group by window_start, window_end;
insert into s (k, v, t, _tp_delta) values ('a', 1, '2026-01-01 00:00:01', 1)('b', 2, '2026-01-01 00:00:02', 1);
insert into s (k, v, t, _tp_delta) values ('a', 1, '2026-01-01 00:00:04', -1);
insert into s (k, v, t, _tp_delta) values ('b', 2, '2026-01-01 00:00:20', -1);
-- rows
--   [2, 1, "2026-01-01 00:00:01.000", "2026-01-01 00:00:09.000"]

-- A session of which nothing is left is not sent.
insert into s (k, v, t, _tp_delta) values ('c', 3, '2026-01-01 00:01:00', 1);
-- no rows
