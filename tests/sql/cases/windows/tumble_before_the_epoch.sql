-- Times before 1970 are rounded down, not towards zero.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, count() from tumble(s, t, 10s) group by window_start;

insert into s (v, t) values (1, '1969-12-31 23:59:59')(2, '1969-12-31 23:59:50');
insert into s (v, t) values (3, '1970-01-01 00:00:00');
-- rows
--   ["1969-12-31 23:59:50.000", 2]
