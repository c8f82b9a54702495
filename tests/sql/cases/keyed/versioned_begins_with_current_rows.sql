-- A streaming read of a versioned stream begins with the current row of each key, then goes on with every new row.
create stream v (id int, name string) primary key id settings mode = 'versioned_kv';
insert into v (id, name) values (1, 'a')(2, 'b');
insert into v (id, name) values (1, 'c');

-- query
select id, name from v;
-- rows
--   [2, "b"]
--   [1, "c"]

insert into v (id, name) values (2, 'd')(2, 'e')(3, 'f');
-- rows
--   [2, "d"]
--   [2, "e"]
--   [3, "f"]
