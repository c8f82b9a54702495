-- MATERIALIZED is computed at the insert, ALIAS at each read; neither can be given.
create stream s (a int32, m int32 materialized a + 1, v int32 alias a * 10);
insert into s (a) values (1);

-- query
select a, m, v from table(s);
-- rows
--   [1, 2, 10]
-- error 16
insert into s (a, v) values (1, 2);
