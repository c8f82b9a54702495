-- DESCRIBE names the columns of a stream or of a query, with types in lower case.
create stream s (a int, b NULLABLE(String), c datetime64(6, 'UTC'));

-- query
describe (select a, b, c from s);
-- rows
--   ["a", "int32", "", "", "", "", ""]
--   ["b", "nullable(string)", "", "", "", "", ""]
--   ["c", "datetime64(6, 'UTC')", "", "", "", "", ""]
