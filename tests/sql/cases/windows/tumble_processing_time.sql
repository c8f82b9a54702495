-- `now64()` as the time argument makes windows of processing time.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from tumble(s, now64(3), 2s) group by window_start;

insert into s (v, t) values (1, '2020-02-02 20:00:00');
-- wait 1s
insert into s (v, t) values (2, '1999-01-01 00:00:00');
-- no rows
-- wait 1s
insert into s (v, t) values (4, '1999-01-01 00:00:00');
-- rows
--   ["2026-01-01 00:00:00.000", 3]
