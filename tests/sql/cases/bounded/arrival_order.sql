-- Without ORDER BY rows of a table come in the order they were appended.
create stream s (v int32);
insert into s (v) values (3)(1);
insert into s (v) values (2);

-- query
select v from table(s);
-- rows
--   [3]
--   [1]
--   [2]
