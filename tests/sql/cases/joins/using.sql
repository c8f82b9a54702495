-- USING names equal columns of both sides.
create stream a (k int32, x string);
create stream b (k int32, y string);
insert into a (k, x) values (1, 'a1')(2, 'a2');
insert into b (k, y) values (2, 'b2');

-- query
select k, x, y from table(a) as a join table(b) as b using (k);
-- rows
--   [2, "a2", "b2"]
