-- NULL lives in nullable columns only; aggregates leave it out.
create stream s (a nullable(int32));
insert into s (a) values (1)(null)(3);

-- query
select a, a is null as b, if_null(a, 9) as c from table(s);
-- columns a nullable(int32) | b bool | c int32
-- rows
--   [1, false, 1]
--   [null, true, 9]
--   [3, false, 3]
-- query
select count(), count(a), sum(a), avg(a) from table(s);
-- rows
--   [3, 2, 4, 2.0]
