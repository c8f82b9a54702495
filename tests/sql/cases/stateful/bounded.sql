-- Over stored rows they give the same.
create stream s (v int32, k string);
insert into s (v, k) values (1, 'a')(2, 'b');
insert into s (v, k) values (3, 'a')(4, 'b');

-- query
select v, lag(v), lag(v, 2, 9) as l, row_number(), lags(v, 1, 2), neighbor(v, -1) from table(s);
-- rows
--   [1, 0, 9, 0, [0, 0], 0]
--   [2, 1, 9, 1, [1, 0], 1]
--   [3, 2, 1, 2, [2, 1], 2]
--   [4, 3, 2, 3, [3, 2], 3]
-- end

-- query
select v, k, lag(v) as p from table(s) where v > 1 partition by k order by v desc limit 2;
-- rows
--   [4, "b", 2]
--   [3, "a", 0]
-- end

-- query
select k, sum(v) as total, lag(total) from table(s) group by k order by k;
-- rows
--   ["a", 4, 0]
--   ["b", 6, 4]
-- end
