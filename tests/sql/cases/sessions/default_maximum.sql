-- Without a maximum a session lasts at most five times its idle time, then it ends at that limit.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, window_end, sum(v) from session(s, 2s) group by window_start, window_end;

insert into s (v, t) values (1, '2020-02-02 20:00:00')(1, '2020-02-02 20:00:01')
  (1, '2020-02-02 20:00:02')(1, '2020-02-02 20:00:03')(1, '2020-02-02 20:00:04')
  (1, '2020-02-02 20:00:05')(1, '2020-02-02 20:00:06')(1, '2020-02-02 20:00:07')
  (1, '2020-02-02 20:00:08')(1, '2020-02-02 20:00:09')(100, '2020-02-02 20:00:10');
-- rows
--   ["2020-02-02 20:00:00.000", "2020-02-02 20:00:10.000", 10]
insert into s (v, t) values (1, '2020-02-02 20:00:12');
-- rows
--   ["2020-02-02 20:00:10.000", "2020-02-02 20:00:12.000", 100]
