-- EXPLAIN shows a join, its two inputs, and where the watermark of a window over it is taken.
create stream l (i int);
create stream r (i int, v string);

-- query
explain select l.i from tumble(l, 5s) as l join r on l.i = r.i;
-- rows
--   ["Project: i"]
--   ["  Window tumble 5s on __j0_0l_wt (UTC)"]
--   ["    Join inner all on __j0_0l0 = __j0_0r0"]
--   ["      Project: __j0_0l0, __j0_0l1, __j0_0l_wt"]
--   ["        Watermark of _tp_time"]
--   ["          Scan l from latest: i, _tp_time"]
--   ["      Project: __j0_0r0"]
--   ["        Scan r from latest: i"]
-- end
