-- DISTINCT inside an aggregate counts each value of a window once.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(distinct v), count(distinct v) from tumble(s, 5s) group by window_start;

insert into s (v, t) values (1, '2020-02-02 20:00:01')(1, '2020-02-02 20:00:02');
insert into s (v, t) values (1, '2020-02-02 20:00:03')(2, '2020-02-02 20:00:03');
insert into s (v, t) values (9, '2020-02-02 20:00:06');
-- rows
--   ["2020-02-02 20:00:00.000", 3, 2]
