-- A window of processing time is closed by the clock, without a newer event.
create stream s (v int32);

-- query
select window_start, sum(v) from tumble(s, now64(3), 2s) group by window_start;
-- wait 500ms
insert into s (v) values (1)(2);
-- wait 1499ms
-- no rows
-- wait 1ms
-- rows
--   ["2026-01-01 00:00:00.000", 3]
