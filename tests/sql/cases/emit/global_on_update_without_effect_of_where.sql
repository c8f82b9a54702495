-- An append whose rows WHERE removes changes no group.
create stream s (k string, v int32);

-- query
select k, sum(v) from s where v > 1 group by k emit on update;

insert into s (k, v) values ('a', 1);
-- no rows
insert into s (k, v) values ('a', 1)('a', 2);
-- rows
--   ["a", 2]
