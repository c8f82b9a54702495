-- Functions of arrays with lambdas, also over columns.
create stream s (a array(int32));

-- query
select array_map(x -> x * 2, a) as m, array_filter(x -> x > 1, a) as f, array_split(x -> x = 2, a) as p, array_fill(x -> x > 1, a) as l, array_fold((acc, x) -> acc + x, a, to_int64(0)) as s, array_sort(x -> -x, a) as o from s;
insert into s (a) values ([3, 1, 2])([]);
-- rows
--   [[6, 2, 4], [3, 2], [[3, 1], [2]], [3, 3, 2], 6, [3, 2, 1]]
--   [[], [], [], [], 0, []]
