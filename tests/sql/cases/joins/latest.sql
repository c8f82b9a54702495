-- LATEST joins with the last row of the key alone.
create stream l (i int, s string);
create stream r (ii int, ss string);

-- query
select i, s, ii, ss from l left latest join r on i = ii;

insert into l (i, s) values (1, 'early');
insert into r (ii, ss) values (1, 'x')(1, 'y');
insert into l (i, s) values (1, 'late')(2, 'other');
-- rows
--   [1, "early", 0, ""]
--   [1, "late", 1, "y"]
--   [2, "other", 0, ""]
