-- An aggregate over a window must group by window_start or window_end.
create stream s (k string, t datetime64(3)) settings event_time_column = 't';
-- error 2002
select count() from tumble(s, 5s);
-- error 2002
select k, count() from tumble(s, 5s) group by k;
-- error 2002
select k, count() from hop(s, 1s, 5s) group by k;
