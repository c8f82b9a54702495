-- json_extract_*: keys one by one; 0, false or '' when missing.
-- query
select json_extract_string('{"a":{"b":"x"}}', 'a', 'b') as a, json_extract_int('{"n":5}', 'n') as b,
  json_extract_int('{"n":5}', 'm') as c, json_extract_bool('{"t":true}', 't') as d,
  json_extract_float('{"f":1.5}', 'f') as e, json_extract_string('{}', 'x') as f;
-- rows
--   ["x", 5, 0, true, 1.5, ""]
