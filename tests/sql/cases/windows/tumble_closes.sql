-- A tumble window is sent once, when an event at or after its end has come.
create stream s (k string, t datetime64(3)) settings event_time_column = 't';

-- query
select k, count(), window_start, window_end from tumble(s, 5s) group by k, window_start, window_end;

insert into s (k, t) values ('a', '2020-02-02 20:00:01')('a', '2020-02-02 20:00:03');
-- no rows

insert into s (k, t) values ('b', '2020-02-02 20:00:05');
-- rows
--   ["a", 2, "2020-02-02 20:00:00.000", "2020-02-02 20:00:05.000"]
