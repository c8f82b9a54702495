-- LIMIT n BY without ORDER BY keeps the rows that came first, in their order.
create stream s (k string, v int32);
insert into s (k, v) values ('b', 1)('a', 2)('b', 3)('c', 4)('a', 5);

-- query
select k, v from table(s) limit 1 by k;
-- rows
--   ["b", 1]
--   ["a", 2]
--   ["c", 4]
-- query
select v from table(s) limit 1 by k limit 2;
-- rows
--   [1]
--   [2]
