-- `*` includes `_tp_time`, not `_tp_sn`; a setting leaves `_tp_time` out.
create stream s (a int32);

-- query
select * from s;
-- columns a int32 | _tp_time datetime64(3, 'UTC')
insert into s (a) values (1);
-- rows
--   [1, "2026-01-01 00:00:00.000"]

-- query
select * from s settings asterisk_include_reserved_columns = false;
-- columns a int32
