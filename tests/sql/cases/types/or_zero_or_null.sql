-- Conversions that fail: an error, or a zero or NULL with `_or_zero` and `_or_null`.
-- query
select to_int32_or_zero('x') as a, to_int32_or_null('x') as b, to_int32('12') as c;
-- rows
--   [0, null, 12]
-- error 6
select to_int32('x');
