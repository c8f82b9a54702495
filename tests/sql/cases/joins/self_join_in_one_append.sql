-- A stream joined with itself enters the right side first, append by append: a row meets itself.
create stream s (i int, v string);

-- query
select a.v, b.v from s as a join s as b on a.i = b.i;

insert into s (i, v) values (1, 'x');
insert into s (i, v) values (1, 'y');
-- rows
--   ["x", "x"]
--   ["x", "y"]
--   ["y", "x"]
--   ["y", "y"]
