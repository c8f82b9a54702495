-- EMIT CHANGELOG ON UPDATE sends the changes of every append.
create stream s (k string, v int);

-- query
select k, max(v), _tp_delta from s group by k emit changelog on update;

insert into s (k, v) values ('a', 1)('b', 2);
-- rows
--   ["a", 1, 1]
--   ["b", 2, 1]

insert into s (k, v) values ('b', 5);
insert into s (k, v) values ('b', 3)('a', 7);
-- rows
--   ["b", 2, -1]
--   ["b", 5, 1]
--   ["a", 1, -1]
--   ["a", 7, 1]
--   ["b", 5, -1]
--   ["b", 5, 1]
