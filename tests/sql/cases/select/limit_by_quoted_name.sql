-- LIMIT BY takes columns of any name.
create stream s (`a b` string, v int32);

-- query
select `a b`, v from s limit 1 by `a b`;
insert into s (`a b`, v) values ('x', 1)('x', 2)('y', 3);
-- rows
--   ["x", 1]
--   ["y", 3]
