-- With a delay, a row that WHERE removes moves the watermark as well.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from tumble(s, 5s) where v < 10 group by window_start
emit after watermark with delay 1s;

insert into s (v, t) values (1, '2020-02-02 20:00:01')(99, '2020-02-02 20:00:06');
-- rows
--   ["2020-02-02 20:00:00.000", 1]
