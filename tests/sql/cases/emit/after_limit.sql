-- EMIT stands after LIMIT.
create stream s (k string);

-- query
select k, count() from s group by k limit 3 emit periodic 1s;

insert into s (k) values ('a')('b');
-- wait 1s
-- rows
--   ["a", 1]
--   ["b", 1]
insert into s (k) values ('b');
-- wait 1s
-- rows
--   ["a", 1]
-- end
