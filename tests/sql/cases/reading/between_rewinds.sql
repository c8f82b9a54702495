-- BETWEEN on `_tp_time` rewinds to its lower bound.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
insert into s (v, t) values (1, '2022-01-01 00:00:00');
insert into s (v, t) values (2, '2022-01-02 00:00:00');
insert into s (v, t) values (3, '2022-01-03 00:00:00');

-- query
select v from s where _tp_time between '2022-01-02' and '2022-01-02 12:00:00';
-- rows
--   [2]
