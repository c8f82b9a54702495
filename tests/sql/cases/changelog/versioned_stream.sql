-- changelog(v, true) of a versioned stream knows key and version; other reads give plain rows.
create stream v (i int, k string) primary key k settings mode = 'versioned_kv', version_column = 'i';

-- query
select i, k, _tp_delta from changelog(v, true);

insert into v (i, k) values (1, 'a');
-- rows
--   [1, "a", 1]

insert into v (i, k) values (2, 'a')(1, 'a')(5, 'b');
-- rows
--   [1, "a", -1]
--   [2, "a", 1]
--   [5, "b", 1]

-- query
select i, k, _tp_delta from v;
-- rows
--   [2, "a", 1]
--   [5, "b", 1]

insert into v (i, k) values (3, 'a');
-- rows
--   [3, "a", 1]
