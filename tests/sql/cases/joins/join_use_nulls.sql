-- With `join_use_nulls=1` they are NULL.
create stream a (k int32);
create stream b (k int32, y string);
insert into a (k) values (1)(2);
insert into b (k, y) values (1, 'b1');

-- query
select a.k, y from table(a) as a left join table(b) as b on a.k = b.k order by a.k
settings join_use_nulls = 1;
-- columns k int32 | y nullable(string)
-- rows
--   [1, "b1"]
--   [2, null]
