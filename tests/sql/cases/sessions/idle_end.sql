-- A session ends when an event comes `idle` or more after its last one; its end is last + idle.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, window_end, sum(v) from session(s, 5s) group by window_start, window_end;

insert into s (v, t) values (1, '2020-02-02 20:00:00')(2, '2020-02-02 20:00:04');
-- no rows
insert into s (v, t) values (4, '2020-02-02 20:00:08.999');
-- no rows
insert into s (v, t) values (8, '2020-02-02 20:00:13.999');
-- rows
--   ["2020-02-02 20:00:00.000", "2020-02-02 20:00:13.999", 7]
