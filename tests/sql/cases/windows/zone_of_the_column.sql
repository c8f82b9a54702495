-- Without a zone argument days are those of the column's own zone.
create stream s (v int32, t datetime64(3, 'Asia/Shanghai')) settings event_time_column = 't';

-- query
select window_start, window_end, count() from tumble(s, t, 1d) group by window_start, window_end;
-- columns window_start datetime64(3, 'Asia/Shanghai') | window_end datetime64(3, 'Asia/Shanghai') | count() uint64
insert into s (v, t) values (1, '2020-02-02 00:00:00')(2, '2020-02-02 23:59:59')(3, '2020-02-03 00:00:00');
-- rows
--   ["2020-02-02 00:00:00.000", "2020-02-03 00:00:00.000", 2]
