-- NOT IN with a subquery over a table.
create stream s (v int32);
create stream refused (v int32);
insert into refused (v) values (1);

-- query
select v from s where v not in (select v from table(refused));
insert into s (v) values (1)(2);
-- rows
--   [2]
