-- LIMIT n BY k counts per emitted batch when the key is no window column.
create stream s (k string, v int32);

-- query
select k, v from s limit 1 by k;
insert into s (k, v) values ('a', 1)('a', 2)('b', 3);
-- rows
--   ["a", 1]
--   ["b", 3]
insert into s (k, v) values ('a', 4)('a', 5);
-- rows
--   ["a", 4]
