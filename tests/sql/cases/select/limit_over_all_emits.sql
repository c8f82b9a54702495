-- LIMIT counts the rows of all emits, then the query ends.
create stream s (v int32);

-- query
select v from s limit 3;
insert into s (v) values (1)(2);
-- rows
--   [1]
--   [2]
insert into s (v) values (3)(4);
-- rows
--   [3]
-- end
