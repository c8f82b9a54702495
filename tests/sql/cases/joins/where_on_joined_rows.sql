-- WHERE on right columns filters joined rows.
create stream a (k int32);
create stream b (k int32, y int32);
insert into a (k) values (1)(2)(3);
insert into b (k, y) values (1, 10)(2, 20);

-- query
select a.k, y from table(a) as a left join table(b) as b on a.k = b.k where y < 20 order by a.k;
-- rows
--   [1, 10]
--   [3, 0]
