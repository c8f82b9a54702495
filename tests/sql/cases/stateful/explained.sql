-- EXPLAIN names the functions over the rows before, dedup and sessions of keys.
create stream s (k string, v int32);

-- query
explain select lag(v), row_number() from dedup(s, k);
-- rows
--   ["Project: lag(v), row_number()"]
--   ["  Running lag, row_number"]
--   ["    Project: __d0, __d1, __d5, __sf0_0"]
--   ["      First of __d0"]
--   ["        Project: __d0, __d1, __d5"]
--   ["          Scan s from latest: k, v"]
-- end
