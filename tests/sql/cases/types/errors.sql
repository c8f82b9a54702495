-- A value that does not fit its column.
create stream s (i int8, d date, u uuid, e enum8('a' = 1));
-- error 6
insert into s (i) values ('x');
-- error 6
insert into s (d) values ('not a date');
-- query
select count() from table(s);
-- rows
--   [0]
