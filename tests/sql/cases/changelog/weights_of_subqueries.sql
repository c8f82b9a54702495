-- _tp_delta can be named over a flat subquery that does not select it.
create stream v (k string, x int) primary key k settings mode = 'versioned_kv';

-- query
with w as (select k, x from v where x > 0) select k, x, _tp_delta from w emit changelog;

insert into v (k, x) values ('a', 1);
-- rows
--   ["a", 1, 1]

insert into v (k, x) values ('a', -2)('b', 3);
-- rows
--   ["a", 1, -1]
--   ["b", 3, 1]
