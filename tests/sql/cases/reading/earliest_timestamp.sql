-- `_tp_time > earliest_timestamp()` rewinds to the start; earliest_ts() is its short name.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
insert into s (v, t) values (1, '1971-01-01 00:00:00');

-- query
select v from s where _tp_time > earliest_timestamp();
-- rows
--   [1]
-- query
select v from s where _tp_time >= earliest_ts();
-- rows
--   [1]
