-- A constant predicate on `_tp_time` starts the query in the past, and filters too.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
insert into s (v, t) values (1, '2022-01-01 00:00:00');
insert into s (v, t) values (2, '2022-01-01 00:00:05')(3, '2022-01-01 00:00:15');

-- query
select v from s where _tp_time > '2022-01-01 00:00:10';
-- rows
--   [3]
insert into s (v, t) values (4, '2022-01-01 00:00:02')(5, '2022-01-01 00:00:20');
-- rows
--   [5]
