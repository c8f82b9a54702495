-- An alias of an aggregate is used by other expressions of the SELECT.
create stream s (v int32);

-- query
select sum(v) as total, count() as n, total / n as mean from s emit on update;
insert into s (v) values (1)(4);
-- rows
--   [5, 2, 2.5]
