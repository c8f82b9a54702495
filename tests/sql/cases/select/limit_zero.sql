-- LIMIT 0 wants no row: the query ends at once, over a stream too, and in a subquery.
create stream s (v int32);

-- query
select v from s limit 0;
-- no rows
-- end

-- query
select count() from (select v from s limit 0);
-- no rows
-- end

-- query
select v from s where v > 1 limit 0 offset 5;
-- no rows
-- end

-- query
select v from (select v from s limit 0) union all select v from s limit 1;
insert into s (v) values (1);
-- rows
--   [1]
-- end
