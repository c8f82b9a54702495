-- A mutable stream keeps the last row that came for each key.
create mutable stream m (id int, name string, index i (name), family f (name)) primary key (id);
insert into m (id, name) values (1, 'a')(2, 'b');
insert into m (id, name) values (1, 'c');

-- query
select id, name from table(m) order by id;
-- rows
--   [1, "c"]
--   [2, "b"]

-- query
select id, name from m;
-- rows
--   [2, "b"]
--   [1, "c"]

insert into m (id, name) values (2, 'd');
-- rows
--   [2, "d"]

-- query
show create stream m;
-- rows
--   ["CREATE MUTABLE STREAM m\n(\n  id int32,\n  name string\n)\nPRIMARY KEY (id)"]
