-- An event one millisecond before the end does not close a tumble window, one at the end does.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from tumble(s, 5s) group by window_start;

insert into s (v, t) values (1, '2020-02-02 20:00:00.000');
insert into s (v, t) values (2, '2020-02-02 20:00:04.999');
-- no rows

insert into s (v, t) values (4, '2020-02-02 20:00:05.000');
-- rows
--   ["2020-02-02 20:00:00.000", 3]
