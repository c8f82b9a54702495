-- PARTITION BY under a hop: watermarks and windows per key.
create stream s (k string, v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select k, window_start, sum(v) from hop(s, 2s, 4s) partition by k group by k, window_start;

insert into s (k, v, t) values ('a', 1, '2020-02-02 20:00:00')('b', 10, '2020-02-02 20:00:00');
insert into s (k, v, t) values ('a', 2, '2020-02-02 20:00:04');
-- rows
--   ["a", "2020-02-02 19:59:58.000", 1]
--   ["a", "2020-02-02 20:00:00.000", 1]
insert into s (k, v, t) values ('b', 20, '2020-02-02 20:00:02');
-- rows
--   ["b", "2020-02-02 19:59:58.000", 10]
