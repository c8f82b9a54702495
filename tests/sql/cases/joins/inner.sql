-- A join of two tables: all pairs with equal keys.
create stream a (k int32, x string);
create stream b (k int32, y string);
insert into a (k, x) values (1, 'a1')(2, 'a2')(3, 'a3');
insert into b (k, y) values (1, 'b1')(1, 'b1+')(3, 'b3');

-- query
select a.k, x, y from table(a) as a join table(b) as b on a.k = b.k order by x, y;
-- rows
--   [1, "a1", "b1"]
--   [1, "a1", "b1+"]
--   [3, "a3", "b3"]
-- end
