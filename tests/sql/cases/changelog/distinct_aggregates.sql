-- DISTINCT in an aggregate over a changelog: a value counts while one row with it is left.
create stream s (id int32, x int32, f float64, n nullable(int32));

-- query
select count(distinct x), sum(distinct x), avg(distinct f), unique_exact(n), count_distinct_if(x, x > 1)
from changelog(s, id) emit on update;

insert into s (id, x, f, n) values (1, 1, 0.5, 7)(2, 1, 0.5, null)(3, 2, 1.5, 7);
-- rows
--   [2, 3, 1.0, 1, 1]

insert into s (id, x, f, n) values (1, 5, 0.5, null);
-- rows
--   [3, 8, 1.0, 1, 2]

insert into s (id, x, f, n) values (2, 5, 2.5, null)(3, 5, 2.5, null);
-- rows
--   [1, 5, 1.5, 0, 1]
