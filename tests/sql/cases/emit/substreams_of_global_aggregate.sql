-- A global aggregate under PARTITION BY keeps the default policy of two seconds.
create stream s (k string, v int32);

-- query
select k, count() from s partition by k;
-- wait 100ms
insert into s (k, v) values ('a', 1)('b', 2)('a', 3);
-- wait 1900ms
-- rows
--   ["a", 2]
--   ["b", 1]
