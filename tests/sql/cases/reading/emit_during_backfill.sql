-- With `emit_during_backfill=1` the past is treated like live rows: late rows are dropped.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
insert into s (v, t) values (1, '2022-01-01 00:00:01');
insert into s (v, t) values (2, '2022-01-01 00:00:12');
insert into s (v, t) values (4, '2022-01-01 00:00:02');

-- query
select window_start, sum(v) from tumble(s, 5s) group by window_start
settings seek_to = 'earliest', emit_during_backfill = 1;
-- rows
--   ["2022-01-01 00:00:00.000", 1]
