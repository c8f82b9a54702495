-- INTERSECT and EXCEPT over streams are refused; over tables they are computed.
create stream a (v int32);
create stream b (v int32);
-- error 48
select v from a intersect select v from b;
-- error 48
select v from a except select v from b;

insert into a (v) values (1)(2);
insert into b (v) values (2)(3);
-- query
select v from table(a) intersect select v from table(b);
-- rows
--   [2]
-- query
select v from table(a) except select v from table(b);
-- rows
--   [1]
