-- A subquery below a window must show the time column.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
-- error 47
select count() from tumble((select v from s), t, 5s) group by window_start;
-- error 47
with c as (select v from s) select count() from tumble(c, 5s) group by window_start;
