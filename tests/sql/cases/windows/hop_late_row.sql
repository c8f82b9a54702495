-- A row older than the watermark is late for all windows of a hop, also for those still open.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from hop(s, 2s, 4s) group by window_start;

insert into s (v, t) values (1, '2020-02-02 20:00:05');
insert into s (v, t) values (100, '2020-02-02 20:00:03');
insert into s (v, t) values (2, '2020-02-02 20:00:08');
-- rows
--   ["2020-02-02 20:00:02.000", 1]
--   ["2020-02-02 20:00:04.000", 1]
