-- `_tp_time >= today()` and `>= yesterday()` rewind to those days.
-- clock 2026-01-02 12:00:00
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
insert into s (v, t) values (1, '2025-12-31 23:00:00');
insert into s (v, t) values (2, '2026-01-01 23:00:00');
insert into s (v, t) values (3, '2026-01-02 01:00:00');

-- query
select v from s where _tp_time >= today();
-- rows
--   [3]
-- query
select v from s where _tp_time >= yesterday();
-- rows
--   [2]
--   [3]
