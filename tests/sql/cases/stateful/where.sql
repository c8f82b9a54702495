-- Functions of the select list see the rows that WHERE lets through; those in WHERE see all.
create stream s (v int32);

-- query
select v, lag(v) from s where v > 2;
insert into s (v) values (1)(3)(2)(4);
-- rows
--   [3, 0]
--   [4, 3]

-- query
select v, lag(v) as p from s where v > p;
insert into s (v) values (5)(3)(4)(4)(9);
-- rows
--   [5, 0]
--   [4, 3]
--   [9, 4]
