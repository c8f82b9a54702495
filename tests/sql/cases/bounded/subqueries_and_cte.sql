-- Subqueries in FROM, CTEs that use each other, and a scalar subquery.
create stream s (k string, v int32);
insert into s (k, v) values ('a', 1)('a', 2)('b', 4);

-- query
with sums as (select k, sum(v) as total from table(s) group by k),
  best as (select max(total) as m from sums)
select k, total, (select m from best) as best from sums where total < 10 order by k;
-- rows
--   ["a", 3, 4]
--   ["b", 4, 4]
-- query
select k from (select k, v from table(s) where v > 1) where v < 4;
-- rows
--   ["a"]
