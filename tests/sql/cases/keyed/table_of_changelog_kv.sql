-- table() of a changelog_kv stream: a row with -1 takes away the last row of its key that is left.
create stream c (id int, name string) primary key id settings mode = 'changelog_kv';
insert into c (id, name) values (1, 'a')(2, 'b');
insert into c (id, name, _tp_delta) values (1, 'a', -1)(1, 'c', 1);
insert into c (id, name, _tp_delta) values (2, 'b', -1);
insert into c (id, name, _tp_delta) values (3, 'x', -1);

-- query
select id, name, _tp_delta from table(c) order by id;
-- rows
--   [1, "c", 1]

-- query
select id, name, _tp_delta from c;
-- rows
--   [1, "c", 1]

insert into c (id, name, _tp_delta) values (1, 'c', -1)(1, 'd', 1);
-- rows
--   [1, "c", -1]
--   [1, "d", 1]
