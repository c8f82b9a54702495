-- Groups come in the order in which their keys first came, whatever changed first now.
create stream s (k string, v int32);

-- query
select k, sum(v) from s group by k emit periodic 1s;

insert into s (k, v) values ('z', 1)('m', 1)('a', 1);
-- wait 1s
-- rows
--   ["z", 1]
--   ["m", 1]
--   ["a", 1]
insert into s (k, v) values ('a', 1)('b', 1);
-- wait 1s
-- rows
--   ["z", 1]
--   ["m", 1]
--   ["a", 2]
--   ["b", 1]
