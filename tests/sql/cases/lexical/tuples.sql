-- Tuples: `(1, 'a')`, elements by number or name.
create stream s (t tuple(a int32, b string));
insert into s (t) values ((1, 'x'));

-- query
select t.1 as a, t.b as b, (5, 'z').2 as c, t from table(s);
-- rows
--   [1, "x", "z", [1, "x"]]
