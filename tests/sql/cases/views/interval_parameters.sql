-- A parameter that is an interval may be the size of a window.
create stream s (k string, v int32, t datetime64(3)) settings event_time_column = 't';
create view sums as select window_start as begun, sum(v) as total from tumble(s, {size:interval_second}) where v > {least:int32} group by window_start;
create view counts as select window_start as begun, count() as n from hop(s, {slide:interval_second}, {size:interval_second}) group by window_start;
insert into s (k, v, t) values ('a', 1, '2026-01-01 10:00:01')('b', 2, '2026-01-01 10:00:02');

-- query
select begun, total from sums(size = interval 5 second, least = 0) settings seek_to = 'earliest';
insert into s (k, v, t) values ('a', 3, '2026-01-01 10:00:06');
-- rows
--   ["2026-01-01 10:00:00.000", 3]

-- query
select begun, n from counts(slide = 1s, size = 2s);
insert into s (k, v, t) values ('a', 3, '2026-01-01 10:00:07')('a', 3, '2026-01-01 10:00:08');
-- rows
--   ["2026-01-01 10:00:06.000", 1]

-- query
select begun, total from sums(size = (1m), least = 2);
insert into s (k, v, t) values ('a', 5, '2026-01-01 10:00:09')('a', 2, '2026-01-01 10:01:00');
-- rows
--   ["2026-01-01 10:00:00.000", 5]

-- error 36 the slide of hop is longer than its size (line 1, column 49 of view counts)
select begun from counts(slide = 2s, size = 1s);
-- error 42 tumble wants 1 interval(s)
select begun from sums(size = 5, least = 0);
