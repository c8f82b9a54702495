-- A materialized view runs from its creation on and keeps its rows in a stream of its name.
create stream s (i int32, k string);
create materialized view mv as select i + 1 as ii, k from s where i > 1;
insert into s (i, k) values (1, 'a')(2, 'b');
insert into s (i, k) values (3, 'c');

-- query
select ii, k from table(mv);
-- rows
--   [3, "b"]
--   [4, "c"]

-- query
select ii, k from mv;
insert into s (i, k) values (5, 'd');
-- rows
--   [6, "d"]
