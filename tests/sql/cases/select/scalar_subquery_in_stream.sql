-- A scalar subquery of a table is one value, found when the query starts.
create stream s (v int32);
create stream t (v int32);
insert into t (v) values (3)(5);

-- query
select v, v - (select max(v) from table(t)) as d from s where v > (select min(v) from table(t));
insert into s (v) values (3)(4);
-- rows
--   [4, -1]
