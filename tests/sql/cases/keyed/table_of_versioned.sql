-- table() of a versioned stream has one row per key: that of the largest version, of equal ones the later.
create stream v (id int, name string, rev int) primary key id settings mode = 'versioned_kv', version_column = 'rev';
insert into v (id, name, rev) values (1, 'a', 5)(2, 'b', 1);
insert into v (id, name, rev) values (1, 'older', 4)(2, 'c', 1);

-- query
select id, name, rev, _tp_delta from table(v) order by id;
-- rows
--   [1, "a", 5, 1]
--   [2, "c", 1, 1]

-- query
select count() from v settings query_mode = 'table';
-- rows
--   [2]
