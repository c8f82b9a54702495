-- ON UPDATE: after each append only the groups that it changed.
create stream s (k string, v int32);

-- query
select k, sum(v), emit_version() from s group by k emit on update;

insert into s (k, v) values ('a', 1)('b', 2)('a', 3);
-- rows
--   ["a", 4, 0]
--   ["b", 2, 0]
insert into s (k, v) values ('b', 5);
-- rows
--   ["b", 7, 1]
-- wait 10s
-- no rows
