-- TIMEOUT sends a key that was open for so long; with ONLY it is forgotten without a word.
create stream s (id string, v int32);

-- query
select id, count() from s group by id emit after key expire with maxspan 1h and timeout 2s;
insert into s (id, v) values ('a', 1);
-- wait 1s
insert into s (id, v) values ('b', 1)('a', 1);
-- wait 500ms
-- no rows
-- wait 600ms
-- rows
--   ["a", 2]
-- wait 1s
-- rows
--   ["b", 1]
insert into s (id, v) values ('a', 1);
-- wait 2s
-- rows
--   ["a", 1]

-- query
select id, count() from s group by id emit after key expire with only maxspan 1h and timeout 2s;
insert into s (id, v) values ('a', 1);
-- wait 1m
-- no rows
