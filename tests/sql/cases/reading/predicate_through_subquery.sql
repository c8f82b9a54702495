-- The predicate is followed through a flat subquery.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
insert into s (v, t) values (1, '2022-01-01 00:00:00');
insert into s (v, t) values (2, '2022-01-02 00:00:00');

-- query
select v from (select v, _tp_time from s) where _tp_time >= '2022-01-02 00:00:00';
-- rows
--   [2]
