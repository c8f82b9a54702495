-- 128-bit and 256-bit integers travel as texts.
create stream s (a int128, b uint128, c int256);
insert into s (a, b, c) values ('170141183460469231731687303715884105727', 1, '-5');

-- query
select a, b, c from table(s);
-- columns a int128 | b uint128 | c int256
-- rows
--   ["170141183460469231731687303715884105727", "1", "-5"]
