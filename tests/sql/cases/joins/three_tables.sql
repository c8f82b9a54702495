-- Joins go from left to right.
create stream a (k int32);
create stream b (k int32, l int32);
create stream c (l int32, z string);
insert into a (k) values (1)(2);
insert into b (k, l) values (1, 10)(2, 20);
insert into c (l, z) values (20, 'twenty');

-- query
select a.k, z from table(a) as a join table(b) as b on a.k = b.k
left join table(c) as c on b.l = c.l order by a.k;
-- rows
--   [1, ""]
--   [2, "twenty"]
