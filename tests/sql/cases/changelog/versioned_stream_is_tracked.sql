-- An aggregate over a versioned stream sees one row per key, through flat views too.
create stream v (k string, x float) primary key k settings mode = 'versioned_kv';
create view w as select k, x, _tp_delta from v;

-- query
select max(x), min(x), avg(x), count() from w emit periodic 1s;

insert into v (k, x) values ('a', 1)('b', 3);
-- wait 1s
-- rows
--   [3, 1, 2, 2]

insert into v (k, x) values ('b', 2);
insert into v (k, x) values ('a', 4);
-- wait 1s
-- rows
--   [4, 2, 3, 2]
