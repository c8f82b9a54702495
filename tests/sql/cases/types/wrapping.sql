-- Arithmetic of 64-bit integers wraps around.
-- query
select 9223372036854775807::int64 + 1::int64 as a, 0::uint64 - 1::uint64 as b;
-- rows
--   [-9223372036854775808, -1]
