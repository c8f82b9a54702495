-- An INSERT with a bad value or shape stores nothing.
create stream s (a int32, b string);
-- error 16
insert into s (nothing) values (1);
-- error 20
insert into s (a, b) values (1);
-- error 60
insert into nothing (a) values (1);

-- query
select count() from table(s);
-- rows
--   [0]
