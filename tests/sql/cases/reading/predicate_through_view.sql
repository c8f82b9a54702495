-- The predicate is followed through a view, and one within a view counts as well.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
insert into s (v, t) values (1, '2022-01-01 00:00:00');
insert into s (v, t) values (2, '2022-01-02 00:00:00');
create view plain as select v * 10 as v, _tp_time from s;
create view recent as select v from s where _tp_time > '2022-01-01 12:00:00';

-- query
select v from plain where _tp_time >= '2022-01-01';
-- rows
--   [10]
--   [20]
-- query
select v from recent;
-- rows
--   [2]
