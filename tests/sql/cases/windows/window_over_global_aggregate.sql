-- A window over a global aggregate is refused.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
-- error 48
with g as (select max(t) as t, v from s group by v)
select window_start, count() from tumble(g, t, 5s) group by window_start;
