-- OFFSET leaves out the first rows of the whole query; LIMIT 1, 2 is OFFSET 1 LIMIT 2.
create stream s (v int32);

-- query
select v from s limit 2 offset 1;
insert into s (v) values (1);
insert into s (v) values (2);
insert into s (v) values (3)(4);
-- rows
--   [2]
--   [3]
-- end
-- query
select v from table(s) order by v limit 1, 2;
-- rows
--   [2]
--   [3]
