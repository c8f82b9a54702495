-- AFTER WINDOW CLOSE is AFTER WATERMARK, and what a window does without EMIT.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from tumble(s, 5s) group by window_start emit after window close;

insert into s (v, t) values (1, '2020-02-02 20:00:01');
-- wait 1h
-- no rows
insert into s (v, t) values (2, '2020-02-02 20:00:06');
-- rows
--   ["2020-02-02 20:00:00.000", 1]
