-- `_tp_time` and `_tp_sn` must be selected by the subquery that is asked for them.
create stream s (v int32);
-- error 47
select v from (select v from s) where _tp_time > earliest_ts();
-- error 47
with c as (select v from s) select v from c where _tp_sn > 0;
