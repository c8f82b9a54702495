-- BETWEEN, LIKE, ILIKE and their negations.
create stream s (v int32, k string);

-- query
select v from s where v between 2 and 3 and k like 'x%' and k not like '%z' and k ilike 'X_';
insert into s (v, k) values (1, 'xa')(2, 'xa')(3, 'xz')(3, 'ya');
-- rows
--   [2]
