-- TIMEOUT on a hop closes every open window.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from hop(s, 2s, 4s) group by window_start emit timeout 1s;
insert into s (v, t) values (1, '2020-02-02 20:00:01');
-- wait 1s
-- rows
--   ["2020-02-02 19:59:58.000", 1]
--   ["2020-02-02 20:00:00.000", 1]
