-- Minus keeps a signed type and wraps; an unsigned one becomes the next wider signed type.
-- query
select -(128::int8) as a, -(5::int8) as b, -(200::uint8) as c, -(5::int64) as d;
-- columns a int8 | b int8 | c int16 | d int64
-- rows
--   [-128, -5, -200, -5]
-- end
