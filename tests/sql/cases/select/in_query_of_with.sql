-- IN takes the name of a query in WITH.
create stream s (i int32);
insert into s (i) values (1)(2);

-- query
with one as (select 1) select i, i in (one) as a, i in one as b from table(s);
-- rows
--   [1, true, true]
--   [2, false, false]
-- end

-- query
with cte as (select 1), cte2 as (select multi_if(i in (cte), '1', '2') as t from s where t = '1') select t from cte2;
insert into s (i) values (1)(2);
-- rows
--   ["1"]
