-- The third argument is the longest duration of a session.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, window_end, sum(v) from session(s, t, 5s, 8s) group by window_start, window_end;

insert into s (v, t) values (1, '2020-02-02 20:00:00')(2, '2020-02-02 20:00:04')
  (4, '2020-02-02 20:00:07.999')(8, '2020-02-02 20:00:08');
-- rows
--   ["2020-02-02 20:00:00.000", "2020-02-02 20:00:08.000", 7]
