-- An enum becomes the number of its member where a number is wanted.
create stream s (e enum8('a' = 1, 'b' = -2), n nullable(enum16('x' = 300)));
insert into s (e, n) values ('b', 'x')('a', null);

-- query
select cast(e, 'int8') as i, e::float64 as f, to_int64_or_null(n) as l from table(s) order by i;
-- columns i int8 | f float64 | l nullable(int64)
-- rows
--   [-2, -2.0, 300]
--   [1, 1.0, null]
