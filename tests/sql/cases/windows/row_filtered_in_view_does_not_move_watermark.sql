-- A row removed in a view below the window is not seen by the watermark.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
create view small as select v, t from s where v < 10;

-- query
select window_start, sum(v) from tumble(small, t, 5s) group by window_start;

insert into s (v, t) values (1, '2020-02-02 20:00:04')(99, '2020-02-02 20:00:30');
-- no rows
insert into s (v, t) values (2, '2020-02-02 20:00:05');
-- rows
--   ["2020-02-02 20:00:00.000", 1]
