-- Arguments of windows that make no sense.
create stream s (k string, t datetime64(3)) settings event_time_column = 't';
-- error 36
select count() from tumble(s, 0s) group by window_start;
-- error 36
select count() from tumble(s, t, 5s, 'No/Where') group by window_start;
-- error 42
select count() from tumble(s) group by window_start;
-- error 42
select count() from hop(s, 5s) group by window_start;
-- error 43
select count() from tumble(s, k, 5s) group by window_start;
-- error 47
select count() from tumble(s, nothing, 5s) group by window_start;
-- error 60
select count() from tumble(nothing, 5s) group by window_start;
