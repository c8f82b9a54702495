-- `expr::type`, `cast(expr, 'type')` and `cast(expr as type)` are the same.
-- query
select '12'::int32 as a, cast('12', 'int32') as b, cast('12' as int32) as c, 1::string as d,
  '2020-02-02 20:00:00'::datetime as e;
-- columns a int32 | b int32 | c int32 | d string | e datetime
-- rows
--   [12, 12, 12, "1", "2020-02-02 20:00:00"]
