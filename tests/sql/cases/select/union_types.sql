-- A union has the type that holds both sides.
create stream a (v int8);
create stream b (v int32);
insert into a (v) values (1);
insert into b (v) values (2);

-- query
select v from table(a) union all select v from table(b) order by v;
-- columns v int32
-- rows
--   [1]
--   [2]
