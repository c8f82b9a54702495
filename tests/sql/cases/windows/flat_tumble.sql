-- Without GROUP BY each row simply gets its window, at once.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select v, window_start, window_end from tumble(s, 5s);

insert into s (v, t) values (1, '2020-02-02 20:00:06');
-- rows
--   [1, "2020-02-02 20:00:05.000", "2020-02-02 20:00:10.000"]
insert into s (v, t) values (2, '2020-02-02 20:00:01');
-- rows
--   [2, "2020-02-02 20:00:00.000", "2020-02-02 20:00:05.000"]
