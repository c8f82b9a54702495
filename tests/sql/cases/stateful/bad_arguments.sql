-- Offsets are constants, look back, and are bounded; the default is a constant.
create stream s (v int32);
-- error 42
select lag() from s;
-- error 42
select lags(v, 1) from s;
-- error 42
select row_number(v) from s;
-- error 36
select lag(v, v) from s;
-- error 36
select lag(v, -1) from s;
-- error 36
select neighbor(v, 1) from s;
-- error 36
select lag(v, 1, v) from s;
-- error 36
select lags(v, 3, 1) from s;
-- error 69
select lag(v, 10001) from s;
-- error 69
select lags(v, 1, 1001) from s;
-- error 47
select lag(missing) from s;
-- error 47
select array_map(x -> lag(x), [v]) from s;
