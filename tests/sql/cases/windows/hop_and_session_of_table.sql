-- hop and session are for streams; over a bounded source they are refused.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
-- error 48
select window_start, count() from hop(table(s), 1s, 5s) group by window_start;
-- error 48
select window_start, count() from session(table(s), 5s) group by window_start;
