-- AND LAST i on a window drops rows that are older than i.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from tumble(s, 5s) group by window_start
emit after watermark and last 1m;

insert into s (v, t) values (1, '2025-12-31 20:00:00')(2, '2025-12-31 23:59:30');
insert into s (v, t) values (4, '2025-12-31 23:59:41');
-- rows
--   ["2025-12-31 23:59:30.000", 2]
