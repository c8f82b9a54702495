-- DISTINCT on a tail lets the first of equal rows pass.
create stream s (v int32);

-- query
select distinct v from s;
insert into s (v) values (1)(1)(2);
-- rows
--   [1]
--   [2]
insert into s (v) values (2)(3);
-- rows
--   [3]
