-- A row after both the limit and the idle time ends the session at the limit.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, window_end, sum(v) from session(s, t, 5s, 6s) group by window_start, window_end;

insert into s (v, t) values (1, '2020-02-02 20:00:00')(2, '2020-02-02 20:00:04');
insert into s (v, t) values (4, '2020-02-02 20:00:30');
-- rows
--   ["2020-02-02 20:00:00.000", "2020-02-02 20:00:06.000", 3]
