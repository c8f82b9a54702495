-- SELECT DISTINCT with EMIT PERIODIC sends at each tick the rows that are new since the last one.
create stream s (id string, v int32);

-- query
select distinct(id) from s order by id emit periodic 1s;
insert into s (id, v) values ('b', 1)('a', 2)('b', 3);
-- no rows
insert into s (id, v) values ('c', 1)('a', 2);
-- wait 1500ms
-- rows
--   ["a"]
--   ["b"]
--   ["c"]
insert into s (id, v) values ('a', 9)('d', 9);
-- wait 1s
-- rows
--   ["d"]
insert into s (id, v) values ('d', 9);
-- wait 1m
-- no rows

-- query
select count() from (select distinct id from s emit periodic 2s) emit on update;
insert into s (id, v) values ('a', 1)('b', 1);
insert into s (id, v) values ('c', 1);
-- wait 2500ms
-- rows
--   [3]

-- query
select distinct id from s limit 2 emit periodic 1s settings seek_to = 'earliest';
-- wait 2s
-- rows
--   ["b"]
--   ["a"]
-- end

-- error 80
select distinct id from s emit after window close;
-- error 80
select id from s emit periodic 1s;
