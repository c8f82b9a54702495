-- Grouping by window_end alone is enough.
create stream s (k string, t datetime64(3)) settings event_time_column = 't';

-- query
select window_end, count() from tumble(s, 5s) group by window_end;

insert into s (k, t) values ('a', '2020-02-02 20:00:01')('b', '2020-02-02 20:00:05');
-- rows
--   ["2020-02-02 20:00:05.000", 1]
