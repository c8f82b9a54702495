-- Aggregates over a join of tables.
create stream a (k int32, x int32);
create stream b (k int32, name string);
insert into a (k, x) values (1, 5)(1, 6)(2, 7);
insert into b (k, name) values (1, 'one')(2, 'two');

-- query
select name, sum(x) from table(a) as a join table(b) as b on a.k = b.k group by name order by name;
-- rows
--   ["one", 11]
--   ["two", 7]
