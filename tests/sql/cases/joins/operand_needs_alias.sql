-- A subquery as an operand of a join needs an alias to be named by.
create stream a (k int32);
create stream b (k int32, y string);
insert into a (k) values (1);
insert into b (k, y) values (1, 'b1');

-- query
select a.k, r.y from table(a) as a join (select k, y from table(b)) as r on a.k = r.k;
-- rows
--   [1, "b1"]
