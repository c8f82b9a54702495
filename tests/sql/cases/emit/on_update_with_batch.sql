-- ON UPDATE WITH BATCH i is the other name of PERIODIC i ON UPDATE.
create stream s (k string, v int32);

-- query
select k, sum(v) from s group by k emit on update with batch 2s;

insert into s (k, v) values ('a', 1)('b', 2);
insert into s (k, v) values ('a', 1);
-- wait 2s
-- rows
--   ["a", 2]
--   ["b", 2]
