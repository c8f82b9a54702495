-- EMIT LAST i on a tail starts i in the past and drops rows that are older.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
insert into s (v, t) values (1, '2025-12-31 23:00:00')(2, '2025-12-31 23:59:30');

-- query
select v from s emit last 1m;
-- rows
--   [2]
insert into s (v, t) values (3, '2025-12-31 23:59:59')(4, '2025-12-31 22:00:00');
-- rows
--   [3]
