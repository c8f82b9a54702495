-- `_tp_time` may be given in an INSERT; without it, it is the time of the append.
create stream s (a int32);
insert into s (a, _tp_time) values (1, '2020-02-02 20:00:00.123');
-- wait 5s
insert into s (a) values (2);

-- query
select a, _tp_time from table(s);
-- rows
--   [1, "2020-02-02 20:00:00.123"]
--   [2, "2026-01-01 00:00:05.000"]
