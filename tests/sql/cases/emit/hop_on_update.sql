-- ON UPDATE on a hop: every window that the append changed.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from hop(s, 2s, 4s) group by window_start emit on update;
insert into s (v, t) values (1, '2020-02-02 20:00:01');
-- rows
--   ["2020-02-02 19:59:58.000", 1]
--   ["2020-02-02 20:00:00.000", 1]
insert into s (v, t) values (2, '2020-02-02 20:00:03');
-- rows
--   ["2020-02-02 20:00:00.000", 3]
--   ["2020-02-02 20:00:02.000", 2]
