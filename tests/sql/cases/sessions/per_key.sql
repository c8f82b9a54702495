-- PARTITION BY: one session at a time per key.
create stream s (k string, t datetime64(3)) settings event_time_column = 't';

-- query
select k, count(), window_start, window_end from session(s, 5s) partition by k
group by window_start, window_end;

insert into s (k, t) values ('a', '2020-02-02 20:00:00')('b', '2020-02-02 20:00:04')
  ('b', '2020-02-02 20:00:08')('a', '2020-02-02 20:00:06');
-- rows
--   ["a", 1, "2020-02-02 20:00:00.000", "2020-02-02 20:00:05.000"]
insert into s (k, t) values ('b', '2020-02-02 20:00:20');
-- rows
--   ["b", 2, "2020-02-02 20:00:04.000", "2020-02-02 20:00:13.000"]
