-- Where the slide divides the size, windows of a hop end at multiples of the slide.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from hop(s, 2s, 4s) group by window_start;

insert into s (v, t) values (1, '2020-02-02 20:00:00');
insert into s (v, t) values (2, '2020-02-02 20:00:01.999');
-- no rows
insert into s (v, t) values (4, '2020-02-02 20:00:02');
-- rows
--   ["2020-02-02 19:59:58.000", 3]
insert into s (v, t) values (8, '2020-02-02 20:00:05.999');
-- rows
--   ["2020-02-02 20:00:00.000", 7]
