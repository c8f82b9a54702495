-- Any column of a date-time type can be the time of a window; `_tp_time` is not looked at then.
create stream s (v int32, at datetime64(3));

-- query
select window_start, sum(v) from tumble(s, at, 5s) group by window_start;

insert into s (v, at) values (1, '2020-02-02 20:00:01');
-- wait 1m
insert into s (v, at) values (2, '2020-02-02 20:00:02');
-- no rows
insert into s (v, at) values (2, '2020-02-02 20:00:06');
-- rows
--   ["2020-02-02 20:00:00.000", 3]
