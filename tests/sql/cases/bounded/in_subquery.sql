-- IN with a subquery of a table.
create stream s (k string, v int32);
create stream t (v int32);
insert into s (k, v) values ('a', 1)('b', 2);
insert into t (v) values (2);

-- query
select k from table(s) where v in (select v from table(t));
-- rows
--   ["b"]
-- query
select k from table(s) where v not in (select v from table(t));
-- rows
--   ["a"]
