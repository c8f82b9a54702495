-- Back-ticks quote any name.
create stream s (`a b` int32, `select` string, `x-1` int32);
insert into s (`a b`, `select`, `x-1`) values (1, 'y', 3);

-- query
select `a b` + `x-1` as `the sum`, `select` from table(s);
-- columns the sum int64 | select string
-- rows
--   [4, "y"]
