-- Equal rows of a side that changes are one row with a count, in the place of the first of them.
create stream l (k int, v int) settings mode = 'changelog';
create stream r (k int, w string) settings mode = 'changelog';

-- query
select l.v, r.w, _tp_delta from l join r on l.k = r.k;
insert into l (k, v) values (1, 5)(1, 7)(1, 5);
-- no rows
insert into r (k, w) values (1, 'x')(1, 'y');
-- rows
--   [5, "x", 1]
--   [5, "x", 1]
--   [5, "y", 1]
--   [5, "y", 1]
--   [7, "x", 1]
--   [7, "y", 1]

-- One of them goes: the other keeps the place. When both have gone, the row comes anew, after the others.
insert into l (k, v, _tp_delta) values (1, 5, -1);
-- rows
--   [5, "x", -1]
--   [5, "y", -1]
insert into l (k, v, _tp_delta) values (1, 5, -1)(1, 5, 1);
-- rows
--   [5, "x", -1]
--   [5, "y", -1]
--   [5, "x", 1]
--   [5, "y", 1]
insert into r (k, w) values (1, 'z');
-- rows
--   [7, "z", 1]
--   [5, "z", 1]
