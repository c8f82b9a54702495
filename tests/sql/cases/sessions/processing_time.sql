-- A session of processing time ends by the clock when it was idle.
create stream s (v int32);

-- query
select window_start, sum(v) from session(s, now64(3), 2s) group by window_start;
insert into s (v) values (1);
-- wait 1s
insert into s (v) values (2);
-- wait 1999ms
-- no rows
-- wait 1ms
-- rows
--   ["2026-01-01 00:00:00.000", 3]
