-- LIMIT n BY k: the first n rows of each key.
create stream s (k string, v int32);
insert into s (k, v) values ('a', 1)('a', 2)('a', 3)('b', 4);

-- query
select k, v from table(s) order by k, v desc limit 2 by k;
-- rows
--   ["a", 3]
--   ["a", 2]
--   ["b", 4]
