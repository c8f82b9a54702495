-- A LIMIT inside a subquery ends that source, and with it the query.
create stream s (v int32);

-- query
select v + 1 as w from (select v from s limit 2);
insert into s (v) values (1)(2)(3);
-- rows
--   [2]
--   [3]
-- end
