-- A delay under a hop: the newest time less the delay, rounded down to the slide.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from hop(s, 2s, 4s) group by window_start
emit after window close with delay 1s;

insert into s (v, t) values (1, '2020-02-02 20:00:00');
insert into s (v, t) values (2, '2020-02-02 20:00:02.999');
-- no rows
insert into s (v, t) values (4, '2020-02-02 20:00:03');
-- rows
--   ["2020-02-02 19:59:58.000", 1]
