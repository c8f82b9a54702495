-- ORDER BY of a streaming query sorts each emitted batch only.
create stream s (k string, v int32);

-- query
select k, sum(v) as total from s group by k order by total desc emit periodic 1s;
insert into s (k, v) values ('a', 1)('b', 5);
-- wait 1s
-- rows
--   ["b", 5]
--   ["a", 1]
insert into s (k, v) values ('a', 9);
-- wait 1s
-- rows
--   ["a", 10]
--   ["b", 5]
