-- The predicate is followed through a table alias and a column alias.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
insert into s (v, t) values (1, '2022-01-01 00:00:00');
insert into s (v, t) values (2, '2022-01-02 00:00:00');

-- query
select v, x._tp_time as at from s as x where at >= '2022-01-02 00:00:00';
-- rows
--   [2, "2022-01-02 00:00:00.000"]
