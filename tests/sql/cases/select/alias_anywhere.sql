-- An alias may be used in earlier and later expressions, WHERE, GROUP BY, HAVING and ORDER BY.
create stream s (k string, v int32);
insert into s (k, v) values ('a', 1)('b', 2)('b', 3);

-- query
select b + 1 as c, v * 10 as b, c + b as d from table(s) where b > 10 order by d desc;
-- rows
--   [31, 30, 61]
--   [21, 20, 41]
-- query
select upper(k) as g, sum(v) as total, total * 2 as twice from table(s)
group by g having twice > 2 order by total;
-- rows
--   ["B", 5, 10]
