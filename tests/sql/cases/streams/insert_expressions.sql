-- Expressions are allowed in VALUES.
create stream s (a int32, t datetime64(3), x array(int32));
insert into s (a, t, x) values (1 + 2, now64() - 1h, array_concat([1], [2]));

-- query
select a, t, x from table(s);
-- rows
--   [3, "2025-12-31 23:00:00.000", [1, 2]]
