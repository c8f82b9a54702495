-- Under PARTITION BY each session has its own TIMEOUT.
create stream s (k string, t datetime64(3)) settings event_time_column = 't';

-- query
select k, count() from session(s, 5s) partition by k group by k, window_start emit timeout 2s;
insert into s (k, t) values ('a', '2020-02-02 20:00:00');
-- wait 1s
insert into s (k, t) values ('b', '2020-02-02 20:00:00')('b', '2020-02-02 20:00:01');
-- wait 1s
-- rows
--   ["a", 1]
-- wait 1s
-- rows
--   ["b", 2]
