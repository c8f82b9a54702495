-- `force_backfill_in_order=1` sorts the past by `_tp_time`; later rows come as they are appended.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
insert into s (v, t) values (3, '2022-01-01 00:00:12')(1, '2022-01-01 00:00:01');
insert into s (v, t) values (2, '2022-01-01 00:00:02')(4, '2022-01-01 00:00:12');

-- query
select v, _tp_sn from s settings seek_to = 'earliest', force_backfill_in_order = 1;
-- rows
--   [1, 0]
--   [2, 1]
--   [3, 0]
--   [4, 1]
insert into s (v, t) values (6, '2022-01-01 00:00:30')(5, '2022-01-01 00:00:20');
-- rows
--   [6, 2]
--   [5, 2]

-- query
select window_start, sum(v) from tumble(s, 5s) group by window_start
settings seek_to = 'earliest', force_backfill_in_order = 1, emit_during_backfill = 1;
-- rows
--   ["2022-01-01 00:00:00.000", 3]
--   ["2022-01-01 00:00:10.000", 7]
--   ["2022-01-01 00:00:20.000", 5]

-- query
select count() from session(s, 5s) group by window_start
settings seek_to = 'earliest', force_backfill_in_order = 1;
-- rows
--   [2]
--   [2]
--   [1]
-- query
select v from s settings force_backfill_in_order = 1;
insert into s (v, t) values (7, '2022-01-01 00:00:07');
-- rows
--   [7]
-- error 36
select v from s settings force_backfill_in_order = 'yes';
