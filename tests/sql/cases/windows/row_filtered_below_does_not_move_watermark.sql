-- A row removed in a subquery below the window is not seen by the watermark.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
with small as (select v, t from s where v < 10)
select window_start, sum(v) from tumble(small, t, 5s) group by window_start;

insert into s (v, t) values (1, '2020-02-02 20:00:04');
insert into s (v, t) values (99, '2020-02-02 20:00:05');
-- no rows

insert into s (v, t) values (2, '2020-02-02 20:00:03');
insert into s (v, t) values (3, '2020-02-02 20:00:07');
-- rows
--   ["2020-02-02 20:00:00.000", 3]
