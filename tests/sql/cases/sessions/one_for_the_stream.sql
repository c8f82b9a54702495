-- Without PARTITION BY there is one session at a time for the stream, with groups inside.
create stream s (k string, t datetime64(3)) settings event_time_column = 't';

-- query
select k, count(), window_start, window_end from session(s, 5s) group by k, window_start, window_end;

insert into s (k, t) values ('a', '2020-02-02 20:00:00')('b', '2020-02-02 20:00:04')
  ('a', '2020-02-02 20:00:08');
insert into s (k, t) values ('c', '2020-02-02 20:00:20');
-- rows
--   ["a", 2, "2020-02-02 20:00:00.000", "2020-02-02 20:00:13.000"]
--   ["b", 1, "2020-02-02 20:00:00.000", "2020-02-02 20:00:13.000"]
