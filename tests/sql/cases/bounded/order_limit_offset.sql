-- ORDER BY, LIMIT and OFFSET of a bounded query.
create stream s (v int32, k string);
insert into s (v, k) values (3, 'c')(1, 'a')(2, 'b')(2, 'a');

-- query
select v, k from table(s) order by v desc, k limit 2 offset 1;
-- rows
--   [2, "a"]
--   [2, "b"]
