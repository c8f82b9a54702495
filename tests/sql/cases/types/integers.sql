-- Sums and products widen as declared; arithmetic of the widest type wraps.
-- query
select 1::int8 + 1::int8 as a, 1::int32 + 1::int32 as b, 1::uint8 + 1::uint8 as c,
  1::int32 * 1::int64 as d, 1::uint32 - 2::uint32 as e;
-- columns a int16 | b int64 | c uint16 | d int64 | e int64
-- rows
--   [2, 2, 2, 1, -1]
