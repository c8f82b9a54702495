-- The predicate is followed through a CTE that gives `_tp_time` another name.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
insert into s (v, t) values (1, '2022-01-01 00:00:00');
insert into s (v, t) values (2, '2022-01-02 00:00:00');

-- query
with c as (select v, _tp_time as at from s) select v from c where at >= '2022-01-02 00:00:00';
-- rows
--   [2]
