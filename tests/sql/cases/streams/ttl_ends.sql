-- A row whose TTL is over is gone from table() at once, whenever it is removed from the disk.
create stream s (v int32, t datetime64(3)) ttl to_datetime(t) + 1m settings event_time_column = 't';
insert into s (v, t) values (1, '2026-01-01 00:00:00')(2, '2026-01-01 00:00:30');

-- query
select v from table(s);
-- rows
--   [1]
--   [2]
-- wait 61s
-- query
select v from table(s);
-- rows
--   [2]
