-- A tuple is looked up in the columns of a subquery.
create stream s (id int32, v string);
insert into s (id, v) values (1, 'a')(2, 'b')(3, 'c');

-- query
select id from table(s) where (id, v) in (select id, v from table(s) where id > 1) order by id;
-- rows
--   [2]
--   [3]

-- query
select id from s where (id, v) in (select id, v from table(s) where id > 1);
insert into s (id, v) values (1, 'a')(2, 'b')(3, 'x');
-- rows
--   [2]
