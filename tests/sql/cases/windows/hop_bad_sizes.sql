-- The slide of a hop must not exceed its size and must be in the same unit.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
-- error 36
select count() from hop(s, 6s, 5s) group by window_start;
-- error 36
select count() from hop(s, 10s, 1m) group by window_start;
