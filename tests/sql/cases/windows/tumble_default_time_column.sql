-- Without a time argument a window is over `_tp_time`, here the time of the append.
create stream s (v int32);

-- query
select window_start, window_end, sum(v) from tumble(s, 5s) group by window_start, window_end;

insert into s (v) values (1);
-- wait 3s
insert into s (v) values (2);
-- wait 2s
insert into s (v) values (4);
-- rows
--   ["2026-01-01 00:00:00.000", "2026-01-01 00:00:05.000", 3]
