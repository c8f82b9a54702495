-- ON UPDATE under PARTITION BY.
create stream s (k string, v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select k, window_start, sum(v) from tumble(s, 5s) partition by k group by window_start emit on update;
insert into s (k, v, t) values ('a', 1, '2020-02-02 20:00:20')('b', 2, '2020-02-02 20:00:01');
-- unordered rows
--   ["a", "2020-02-02 20:00:20.000", 1]
--   ["b", "2020-02-02 20:00:00.000", 2]
insert into s (k, v, t) values ('a', 5, '2020-02-02 20:00:01')('b', 4, '2020-02-02 20:00:02');
-- rows
--   ["b", "2020-02-02 20:00:00.000", 6]
