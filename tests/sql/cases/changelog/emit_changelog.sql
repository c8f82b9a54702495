-- EMIT CHANGELOG: the row that was sent last with -1, then the new one; a group that is gone only -1.
create stream c (i int, k string) primary key i settings mode = 'changelog_kv';

-- query
select k, count(), _tp_delta from c group by k emit changelog periodic 1s;

insert into c (i, k) values (1, 'x')(2, 'x')(3, 'y');
-- wait 1s
-- rows
--   ["x", 2, 1]
--   ["y", 1, 1]

insert into c (i, k, _tp_delta) values (1, 'x', -1)(1, 'z', 1)(3, 'y', -1);
-- wait 1s
-- rows
--   ["x", 2, -1]
--   ["x", 1, 1]
--   ["y", 1, -1]
--   ["z", 1, 1]

insert into c (i, k, _tp_delta) values (4, 'w', 1)(4, 'w', -1);
-- wait 1s
-- no rows
