-- The time argument may be any expression that gives a date-time.
create stream s (v int32, sec int64);

-- query
select window_start, sum(v) from tumble(s, to_datetime(sec), 10s) group by window_start;

insert into s (v, sec) values (1, 1)(2, 9)(4, 10);
-- rows
--   ["1970-01-01 00:00:00", 3]
