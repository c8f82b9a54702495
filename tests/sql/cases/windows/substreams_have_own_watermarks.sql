-- PARTITION BY: each key has its own watermark, so a fast key does not make a slow one late.
create stream s (k string, v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select k, window_start, sum(v) from tumble(s, 5s) partition by k group by window_start;

insert into s (k, v, t) values ('a', 1, '2020-02-02 20:00:01')('b', 10, '2020-02-02 20:00:02');
insert into s (k, v, t) values ('a', 2, '2020-02-02 20:01:00');
-- rows
--   ["a", "2020-02-02 20:00:00.000", 1]
insert into s (k, v, t) values ('b', 20, '2020-02-02 20:00:03');
-- no rows
insert into s (k, v, t) values ('b', 40, '2020-02-02 20:00:05');
-- rows
--   ["b", "2020-02-02 20:00:00.000", 30]
