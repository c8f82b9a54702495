-- A global aggregate without EMIT is sent every 2 s, all groups, and only after new rows.
create stream s (k string, v int32);

-- query
select k, sum(v) from s group by k;

insert into s (k, v) values ('a', 1)('b', 2);
-- wait 1999ms
-- no rows
-- wait 1ms
-- rows
--   ["a", 1]
--   ["b", 2]

-- wait 10500ms
-- no rows

insert into s (k, v) values ('b', 5);
-- no rows
-- wait 1499ms
-- no rows
-- wait 1ms
-- rows
--   ["a", 1]
--   ["b", 7]
