-- largest_triangle_three_buckets keeps the points that show the shape of a line, by x.
create stream s (x float64, y float64, t datetime64(3));
insert into s (x, y) values (1, 10)(2, 20)(3, 15)(8, 60)(9, 55)(10, 70)(4, 30)(5, 40)(6, 35)(7, 50);

-- query
select largest_triangle_three_buckets(x, y, 4) as p from table(s);
-- columns p array(tuple(float64, float64))
-- rows
--   [[[1, 10], [3, 15], [9, 55], [10, 70]]]
-- end

-- query
select largestTriangleThreeBuckets(t, y, 3) from s emit on update;
insert into s (t, y) values ('2026-01-01 00:00:03', 5)('2026-01-01 00:00:01', 1);
-- rows
--   [[["2026-01-01 00:00:01.000", 1], ["2026-01-01 00:00:03.000", 5]]]
insert into s (t, y) values ('2026-01-01 00:00:00', 2)('2026-01-01 00:00:02', 99);
-- rows
--   [[["2026-01-01 00:00:00.000", 2], ["2026-01-01 00:00:02.000", 99], ["2026-01-01 00:00:03.000", 5]]]
-- error 69
select largest_triangle_three_buckets(x, y, 0) from s;
-- error 43
select largest_triangle_three_buckets(x, 'a', 3) from s;
