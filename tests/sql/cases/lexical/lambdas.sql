-- `x -> expr` is a function for array functions.
-- query
select array_map(x -> x * 2, [1, 2]) as a, array_filter(x -> x > 1, [1, 2, 3]) as b,
  array_exists(x -> x = 2, [1, 2]) as c, array_map((x, y) -> x + y, [1, 2], [10, 20]) as d;
-- rows
--   [[2, 4], [2, 3], true, [11, 22]]
