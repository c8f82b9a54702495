-- WITH DELAY d: the watermark lags d behind, so that later rows still count.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from tumble(s, 5s) group by window_start
emit after watermark with delay 2s;

insert into s (v, t) values (1, '2020-02-02 20:00:01');
insert into s (v, t) values (2, '2020-02-02 20:00:06.999');
-- no rows
insert into s (v, t) values (4, '2020-02-02 20:00:03');
insert into s (v, t) values (8, '2020-02-02 20:00:07');
-- rows
--   ["2020-02-02 20:00:00.000", 5]
