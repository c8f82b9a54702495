-- The time of a window must not be nullable.
create stream s (v int32, t nullable(datetime64(3)));
-- error 43
select count() from tumble(s, t, 5s) group by window_start;
