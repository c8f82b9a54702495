-- LIMIT m, n BY leaves out the first m rows of each key; LIMIT n OFFSET m BY is the same.
create stream s (k string, v int);
insert into s (k, v) values ('a', 1)('a', 2)('a', 3)('b', 4)('b', 5)('a', 6);

-- query
select k, v from table(s) limit 1, 2 by k;
-- rows
--   ["a", 2]
--   ["a", 3]
--   ["b", 5]

-- query
select k, v from table(s) order by v desc limit 1 offset 1 by k limit 1;
-- rows
--   ["b", 4]

-- query
select k, v from s limit 1 offset 1 by k limit 3 offset 1;
insert into s (k, v) values ('a', 1)('a', 2)('a', 3)('b', 4)('b', 5)('a', 6);
-- rows
--   ["b", 5]
insert into s (k, v) values ('a', 7)('b', 8)('a', 9);
-- rows
--   ["a", 9]
