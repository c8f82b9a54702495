-- Nothing is sent for a window without events, nor for a key without events in it.
create stream s (k string, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, k, count() from tumble(s, 1s) group by window_start, k;

insert into s (k, t) values ('a', '2020-02-02 20:00:00')('b', '2020-02-02 20:00:00');
insert into s (k, t) values ('a', '2020-02-02 20:00:07');
-- rows
--   ["2020-02-02 20:00:00.000", "a", 1]
--   ["2020-02-02 20:00:00.000", "b", 1]
insert into s (k, t) values ('b', '2020-02-02 20:00:08');
-- rows
--   ["2020-02-02 20:00:07.000", "a", 1]
