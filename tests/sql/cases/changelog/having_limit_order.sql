-- HAVING and ORDER BY look at the rows of an emission, old and new ones; LIMIT counts them.
create stream s (k string, v int);

-- query
select k, sum(v) as total, _tp_delta from s group by k having total > 2 order by k limit 4 emit changelog periodic 1s;

insert into s (k, v) values ('b', 3)('a', 1);
-- wait 1500ms
-- rows
--   ["b", 3, 1]

insert into s (k, v) values ('a', 4)('b', 1);
-- wait 1s
-- rows
--   ["a", 5, 1]
--   ["b", 3, -1]
--   ["b", 4, 1]
-- end
