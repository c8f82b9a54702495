-- Aggregates, joins and subqueries over table() of a keyed stream see one row per key.
create stream v (id int32, n int32) primary key id settings mode = 'versioned_kv';
create stream other (id int32, t string);
insert into v (id, n) values (1, 10)(2, 20);
insert into v (id, n) values (1, 11);
insert into other (id, t) values (1, 'one')(3, 'three');

-- query
select count(), sum(n) from table(v);
-- rows
--   [2, 31]

-- query
select o.t, v.n from table(other) as o left join table(v) as v on o.id = v.id order by o.t;
-- rows
--   ["one", 11]
--   ["three", 0]

-- query
select id from table(other) where id in (select id from table(v));
-- rows
--   [1]
