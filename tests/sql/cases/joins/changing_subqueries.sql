-- The right side of an enrichment may be an aggregate with EMIT CHANGELOG or a join of keyed streams.
create stream a (i int, k string);
create stream v (i int, k string) primary key k settings mode = 'versioned_kv';
create stream w (j int, k string) primary key k settings mode = 'changelog_kv';

-- query
select a.i, t.total from a left join (
  select k, sum(j) as total, _tp_delta from w group by k emit changelog on update
) as t on a.k = t.k;
insert into w (j, k) values (3, 'x');
insert into a (i, k) values (1, 'x');
insert into w (j, k, _tp_delta) values (3, 'x', -1)(5, 'x', 1);
insert into a (i, k) values (2, 'x');
insert into w (j, k, _tp_delta) values (5, 'x', -1);
insert into a (i, k) values (3, 'x');
-- rows
--   [1, 3]
--   [2, 5]
--   [3, 0]

-- query
select a.i, b.i, b.j from a join (
  select v.k as k, v.i as i, w.j as j, _tp_delta from v join w on v.k = w.k
) as b on a.k = b.k;
insert into v (i, k) values (10, 'x');
insert into a (i, k) values (1, 'x');
insert into w (j, k) values (7, 'x');
insert into a (i, k) values (2, 'x');
insert into v (i, k) values (11, 'x');
insert into a (i, k) values (3, 'x');
-- rows
--   [2, 10, 7]
--   [3, 11, 7]
