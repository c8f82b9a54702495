-- A rewound window goes on live: the watermark of the past counts.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
insert into s (v, t) values (1, '2022-01-01 00:00:01')(2, '2022-01-01 00:00:07');

-- query
select window_start, sum(v) from tumble(s, 5s) where _tp_time > earliest_ts() group by window_start;
-- rows
--   ["2022-01-01 00:00:00.000", 1]
insert into s (v, t) values (100, '2022-01-01 00:00:02')(4, '2022-01-01 00:00:08');
-- no rows
insert into s (v, t) values (8, '2022-01-01 00:00:10');
-- rows
--   ["2022-01-01 00:00:05.000", 6]
