-- Grouping by an expression and by an alias are the same.
create stream s (v int32);

-- query
select v % 3 as r, count() from s group by v % 3 emit on update;
insert into s (v) values (1)(4)(2);
-- rows
--   [1, 2]
--   [2, 1]
