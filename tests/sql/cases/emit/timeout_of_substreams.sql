-- Under PARTITION BY each key has its own TIMEOUT clock.
create stream s (k string, v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select k, window_start, sum(v) from tumble(s, 5s) partition by k group by k, window_start
emit timeout 4s;

insert into s (k, v, t) values ('a', 1, '2020-02-02 20:00:01');
-- wait 2s
insert into s (k, v, t) values ('b', 10, '2020-02-02 20:00:01');
-- wait 2s
-- rows
--   ["a", "2020-02-02 20:00:00.000", 1]
-- wait 2s
-- rows
--   ["b", "2020-02-02 20:00:00.000", 10]
