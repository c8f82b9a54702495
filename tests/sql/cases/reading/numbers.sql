-- numbers(n) is a bounded source of 0 to n - 1.
-- query
select number, number * 2 as twice from numbers(3);
-- columns number uint64 | twice uint64
-- rows
--   [0, 0]
--   [1, 2]
--   [2, 4]
-- end
