-- While the past is read window results are held back; then the watermark is applied at once, so
-- that disorder between appends of the past makes nothing late.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
insert into s (v, t) values (1, '2022-01-01 00:00:01');
insert into s (v, t) values (2, '2022-01-01 00:00:12');
insert into s (v, t) values (4, '2022-01-01 00:00:02');

-- query
select window_start, sum(v) from tumble(s, 5s) group by window_start settings seek_to = 'earliest';
-- rows
--   ["2022-01-01 00:00:00.000", 5]
insert into s (v, t) values (8, '2022-01-01 00:00:15');
-- rows
--   ["2022-01-01 00:00:10.000", 2]
