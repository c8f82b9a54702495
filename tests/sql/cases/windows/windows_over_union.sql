-- A window over a union of streams: one watermark for all.
create stream a (v int32, t datetime64(3)) settings event_time_column = 't';
create stream b (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
with both as (select v, t from a union all select v, t from b)
select window_start, sum(v) from tumble(both, t, 5s) group by window_start;
insert into a (v, t) values (1, '2020-02-02 20:00:01');
insert into b (v, t) values (2, '2020-02-02 20:00:02');
-- wait 1ms
insert into b (v, t) values (4, '2020-02-02 20:00:05');
-- rows
--   ["2020-02-02 20:00:00.000", 3]
