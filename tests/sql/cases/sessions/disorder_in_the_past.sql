-- Sessions of a past take its rows in the order of writing, none is late; force_backfill_in_order sorts them first.
create stream s (v int, t datetime64(3)) settings event_time_column = 't';
insert into s (v, t) values (1, '2026-01-01 00:00:01')(2, '2026-01-01 00:00:30')(4, '2026-01-01 00:00:02');
insert into s (v, t) values (8, '2026-01-01 00:01:00');

-- query
select sum(v), window_start, window_end from session(s, 5s) group by window_start, window_end settings seek_to = 'earliest';
-- rows
--   [1, "2026-01-01 00:00:01.000", "2026-01-01 00:00:26.000"]
--   [6, "2026-01-01 00:00:30.000", "2026-01-01 00:00:55.000"]

-- query
select sum(v), window_start, window_end from session(s, 5s) group by window_start, window_end
settings seek_to = 'earliest', force_backfill_in_order = 1;
-- rows
--   [5, "2026-01-01 00:00:01.000", "2026-01-01 00:00:26.000"]
--   [2, "2026-01-01 00:00:30.000", "2026-01-01 00:00:55.000"]
