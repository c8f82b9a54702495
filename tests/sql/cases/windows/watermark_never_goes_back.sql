-- An append of older rows leaves the watermark where it was.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from tumble(s, 5s) group by window_start;

insert into s (v, t) values (1, '2020-02-02 20:00:11');
insert into s (v, t) values (2, '2020-02-02 20:00:01');
insert into s (v, t) values (4, '2020-02-02 20:00:09');
insert into s (v, t) values (8, '2020-02-02 20:00:10');
insert into s (v, t) values (16, '2020-02-02 20:00:16');
-- rows
--   ["2020-02-02 20:00:10.000", 9]
