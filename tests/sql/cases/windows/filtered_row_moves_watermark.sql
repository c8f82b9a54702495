-- A row that WHERE removes still moves the watermark and closes windows.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from tumble(s, 5s) where v < 10 group by window_start;

insert into s (v, t) values (1, '2020-02-02 20:00:04');
insert into s (v, t) values (99, '2020-02-02 20:00:05');
-- rows
--   ["2020-02-02 20:00:00.000", 1]

insert into s (v, t) values (2, '2020-02-02 20:00:03');
insert into s (v, t) values (3, '2020-02-02 20:00:07')(99, '2020-02-02 20:00:12');
-- rows
--   ["2020-02-02 20:00:05.000", 3]
