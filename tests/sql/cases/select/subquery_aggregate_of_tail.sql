-- An aggregate over a filtered and projected subquery.
create stream s (k string, v int32);

-- query
select k, max(w) from (select k, v * 2 as w from s where v > 1) group by k emit on update;
insert into s (k, v) values ('a', 1)('a', 4)('b', 3);
-- rows
--   ["a", 8]
--   ["b", 6]
