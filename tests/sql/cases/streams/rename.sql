-- RENAME keeps the rows.
create stream a (x int32);
insert into a (x) values (1);
rename stream a to b;

-- query
select x from table(b);
-- rows
--   [1]
-- error 60
select x from table(a);
