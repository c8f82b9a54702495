-- A table on the right is read once, when the query starts.
create stream l (i int, k string);
create stream r (id int, name string);
insert into r (id, name) values (1, 'one')(2, 'two')(1, 'uno');

-- query
select i, k, id, name from l left join table(r) as t on l.i = t.id;

insert into r (id, name) values (3, 'three');
insert into l (i, k) values (1, 'a')(3, 'b');
-- rows
--   [1, "a", 1, "one"]
--   [1, "a", 1, "uno"]
--   [3, "b", 0, ""]
