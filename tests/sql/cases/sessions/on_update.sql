-- ON UPDATE shows the open session after each append; its end is the last event + 1 tick.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, window_end, sum(v) from session(s, 5s) group by window_start, window_end
emit on update;

insert into s (v, t) values (1, '2020-02-02 20:00:00');
-- rows
--   ["2020-02-02 20:00:00.000", "2020-02-02 20:00:00.001", 1]
insert into s (v, t) values (2, '2020-02-02 20:00:03');
-- rows
--   ["2020-02-02 20:00:00.000", "2020-02-02 20:00:03.001", 3]
