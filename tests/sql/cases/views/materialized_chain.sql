-- A materialized view over a materialized view; its source cannot be dropped before it.
create stream s (i int32, k string);
create materialized view positive as select i, k from s where i > 0;
create materialized view doubled as select i * 2 as twice, k from positive;
insert into s (i, k) values (1, 'a')(-1, 'b')(3, 'c');

-- query
select twice, k from table(doubled);
-- rows
--   [2, "a"]
--   [6, "c"]

-- error 630
drop view positive;

-- error 36
insert into doubled (twice, k) values (1, 'x');

drop view doubled;
drop view positive;
