-- A materialized view of an aggregate keeps what each emit sends; windows over it see its rows.
create stream s (i int32, k string);
create materialized view mv as select k, sum(i) as total from s group by k emit on update;
-- query
select k, total from mv;
insert into s (i, k) values (1, 'a')(2, 'b');
-- unordered rows
--   ["a", 1]
--   ["b", 2]

insert into s (i, k) values (4, 'a');
-- rows
--   ["a", 5]
