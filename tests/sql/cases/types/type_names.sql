-- Names of types are reported in lower case.
-- query
select to_type_name([1::int32]) as a, to_type_name((1::int8, 'x')) as b, to_type_name(now64()) as c,
  to_type_name(cast(null, 'nullable(string)')) as d;
-- rows
--   ["array(int32)", "tuple(int8, string)", "datetime64(3)", "nullable(string)"]
