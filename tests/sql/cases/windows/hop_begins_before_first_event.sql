-- Windows of a hop begin at multiples of the slide, so also before the first event.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, window_end, sum(v) from hop(s, 3s, 5s) group by window_start, window_end;

insert into s (v, t) values (1, '2020-02-02 20:00:00');
-- no rows
insert into s (v, t) values (2, '2020-02-02 20:00:02');
-- rows
--   ["2020-02-02 19:59:57.000", "2020-02-02 20:00:02.000", 1]
insert into s (v, t) values (4, '2020-02-02 20:00:09');
-- rows
--   ["2020-02-02 20:00:00.000", "2020-02-02 20:00:05.000", 3]
