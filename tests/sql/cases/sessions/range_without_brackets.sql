-- `start, end` without brackets are `[start, end]`.
create stream s (k string, v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select k, group_array(v) from session(s, 5s, v = 1, v = 9) partition by k group by window_start;
insert into s (k, v, t) values ('a', 1, '2020-02-02 20:00:01')('b', 5, '2020-02-02 20:00:01')
  ('a', 9, '2020-02-02 20:00:02');
-- rows
--   ["a", [1, 9]]
