-- ARRAY JOIN makes one row of each element.
create stream s (k string, xs array(int32));

-- query
select k, x from s array join xs as x;
insert into s (k, xs) values ('a', [1, 2])('b', [])('c', [3]);
-- rows
--   ["a", 1]
--   ["a", 2]
--   ["c", 3]
