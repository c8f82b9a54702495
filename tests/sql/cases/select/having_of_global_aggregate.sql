-- HAVING filters each emitted batch.
create stream s (k string, v int32);

-- query
select k, sum(v) from s group by k having sum(v) > 2 emit on update;
insert into s (k, v) values ('a', 1)('b', 3);
-- rows
--   ["b", 3]
insert into s (k, v) values ('a', 2);
-- rows
--   ["a", 3]
