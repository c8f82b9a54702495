-- A window finer than the scale of its time column is refused.
create stream s (a datetime, b datetime64(3), c datetime64(6));
-- error 36
select count() from tumble(s, a, 1ms) group by window_start;
-- error 36
select count() from tumble(s, b, 1us) group by window_start;
-- error 36
select count() from tumble(s, c, 1ns) group by window_start;
-- error 36
select count() from hop(s, a, 1ms, 5ms) group by window_start;
