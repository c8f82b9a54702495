-- DISTINCT on a table gives each row once.
create stream s (v int32, k string);
insert into s (v, k) values (1, 'a')(1, 'a')(1, 'b')(2, 'a');

-- query
select distinct v, k from table(s) order by v, k;
-- rows
--   [1, "a"]
--   [1, "b"]
--   [2, "a"]
