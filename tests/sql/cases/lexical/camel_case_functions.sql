-- Functions may be written in camelCase; their names are shown in snake_case.
create stream s (v int32);
insert into s (v) values (1)(2);

-- query
select toString(v), toTypeName(v) from table(s) order by v;
-- columns to_string(v) string | to_type_name(v) string
-- rows
--   ["1", "int32"]
--   ["2", "int32"]
-- query
select countIf(v > 1), uniqExact(v), COUNT(), toStartOfHour(to_datetime('2020-02-02 20:10:00')) as h from table(s);
-- rows
--   [1, 2, 2, "2020-02-02 20:00:00"]
