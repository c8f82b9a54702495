-- A join of two append streams keeps both sides: a new row of either meets all rows of the other.
create stream l (i int, s string);
create stream r (ii int, ss string);

-- query
select i, s, ii, ss from l join r on i = ii;

insert into l (i, s) values (1, 'a')(2, 'b')(1, 'c');
-- no rows

-- wait 1s
insert into r (ii, ss) values (1, 'x')(3, 'y')(1, 'z');
-- rows
--   [1, "a", 1, "x"]
--   [1, "a", 1, "z"]
--   [1, "c", 1, "x"]
--   [1, "c", 1, "z"]

-- wait 1s
insert into l (i, s) values (3, 'd');
-- rows
--   [3, "d", 3, "y"]
