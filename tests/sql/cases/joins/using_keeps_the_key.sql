-- The column of USING has the key of whichever side has a row.
create stream a (id int, k string);
create stream b (id int, name string);
insert into a (id, k) values (1, 'x')(2, 'y');
insert into b (id, name) values (2, 'B')(5, 'E');

-- query
select id, k, name from table(a) full join table(b) using (id) order by id;
-- rows
--   [1, "x", ""]
--   [2, "y", "B"]
--   [5, "", "E"]

-- query
select id, k, name from table(a) right join table(b) using (id) order by id;
-- rows
--   [2, "y", "B"]
--   [5, "", "E"]
