-- SHOW lists names by kind; LIKE and WHERE choose among them.
create stream s1 (a int);
create stream t1 (a int);
create view v1 as select a from s1;
create materialized view m1 as select a from s1;

-- query
show streams;
-- rows
--   ["m1"]
--   ["s1"]
--   ["t1"]
--   ["v1"]

-- query
show streams like '%1' ;
-- rows
--   ["m1"]
--   ["s1"]
--   ["t1"]
--   ["v1"]

-- query
show streams where name > 's' and name < 't2';
-- rows
--   ["s1"]
--   ["t1"]

-- query
show views;
-- rows
--   ["m1"]
--   ["v1"]

-- query
show materialized views;
-- rows
--   ["m1"]

-- query
show databases;
-- rows
--   ["default"]

-- error 48 SHOW TABLES is not supported
show tables;
-- error 48 (line 1, column 19)
show materialized streams;
-- error 47 column nope does not exist
show streams where nope = 1;
