-- untuple(t) gives a column for each field of a tuple.
create stream s (t tuple(x int32, y string), z int32);

-- query
select untuple(t), untuple((z, 'k')) from s;
-- columns t.x int32 | t.y string | (z, 'k').1 int32 | (z, 'k').2 string
insert into s (t, z) values ((1, 'a'), 7);
-- rows
--   [1, "a", 7, "k"]
-- error 43
select untuple(z) from s;
-- error 62
select 1 + untuple((1, 2));
