-- `_tp_sn` counts appends from 0, one per INSERT; `_tp_append_time` is the time of the append in ms.
create stream s (v int32);
insert into s (v) values (1)(2);
-- wait 1s
insert into s (v) values (3);

-- query
select v, _tp_sn, _tp_append_time from table(s);
-- columns v int32 | _tp_sn int64 | _tp_append_time int64
-- rows
--   [1, 0, 1767225600000]
--   [2, 0, 1767225600000]
--   [3, 1, 1767225601000]
