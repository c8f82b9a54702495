-- Sessions take rows one by one: a row before the newest one of the same append is late.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, window_end, sum(v) from session(s, 5s) group by window_start, window_end;

insert into s (v, t) values (1, '2020-02-02 20:00:03')(100, '2020-02-02 20:00:01')
  (2, '2020-02-02 20:00:04');
insert into s (v, t) values (4, '2020-02-02 20:00:09');
-- rows
--   ["2020-02-02 20:00:03.000", "2020-02-02 20:00:09.000", 3]
