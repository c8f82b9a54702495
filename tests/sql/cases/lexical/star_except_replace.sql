-- `* except`, `* replace` and `columns('regex')`.
create stream s (a int32, b int32, abc string);
insert into s (a, b, abc) values (1, 2, 'x');

-- query
select * except (b, _tp_time) from table(s);
-- columns a int32 | abc string
-- rows
--   [1, "x"]
-- query
select * replace (a * 10 as a) from table(s) settings asterisk_include_reserved_columns = false;
-- rows
--   [10, 2, "x"]
-- query
select columns('^a') from table(s);
-- rows
--   [1, "x"]
