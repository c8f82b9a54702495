-- A date has no time of day: refused as the time of a window.
create stream s (d date, e date32);
-- error 43
select count() from tumble(s, d, 1d) group by window_start;
-- error 43
select count() from hop(s, e, 1d, 2d) group by window_start;
-- error 43
select count() from session(s, d, 1d) group by window_start;
