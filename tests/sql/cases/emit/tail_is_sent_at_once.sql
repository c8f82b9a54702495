-- A query without aggregate sends the rows of each append at once.
create stream s (v int32);

-- query
select v, v * 2 as twice from s where v % 2 = 1;

insert into s (v) values (1)(2)(3);
-- rows
--   [1, 2]
--   [3, 6]
insert into s (v) values (4);
-- no rows
insert into s (v) values (5);
-- rows
--   [5, 10]
