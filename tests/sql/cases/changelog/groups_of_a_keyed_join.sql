-- EMIT CHANGELOG over a join of keyed streams: a group whose last joined row goes is only taken back.
create stream l (i int, k string) primary key i settings mode = 'changelog_kv';
create stream r (k string, name string) primary key k settings mode = 'versioned_kv';

-- query
select name, count() as n, _tp_delta from l join r on l.k = r.k group by name emit changelog on update;
insert into r (k, name) values ('x', 'Ann');
insert into l (i, k) values (1, 'x')(2, 'x');
-- rows
--   ["Ann", 2, 1]
insert into l (i, k, _tp_delta) values (2, 'x', -1);
-- rows
--   ["Ann", 2, -1]
--   ["Ann", 1, 1]
insert into r (k, name) values ('x', 'Bea');
-- rows
--   ["Ann", 1, -1]
--   ["Bea", 1, 1]
insert into l (i, k, _tp_delta) values (1, 'x', -1);
-- rows
--   ["Bea", 1, -1]
