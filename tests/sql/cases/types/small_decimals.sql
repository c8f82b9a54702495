-- A decimal is written with all its digits, never with an exponent.
-- query
select to_decimal('0.0000001', 7) as a, to_decimal256('1234567890123456789012345678901234567890.5', 3) as b, to_decimal('0', 8) as c, [to_decimal('0.00000001', 8)] as d;
-- rows
--   [0.0000001, 1234567890123456789012345678901234567890.500, 0.00000000, [0.00000001]]

-- Decimals of up to 76 digits are calculated and ordered exactly.
-- query
select to_decimal256('1234567890123456789012345678901234567890.5', 3) as d, d + 1 as a, d * 2 as b, d - d as c, d < d + to_decimal('0.001', 3) as e, d = d as f, d > to_decimal256('-5', 3) as g, d % 7 as h;
-- rows
--   [1234567890123456789012345678901234567890.500, 1234567890123456789012345678901234567891.500, 2469135780246913578024691357802469135781.000, 0.000, true, true, true, 3.500]

-- query
select max(x) as a, min(x) as b from (select array_join([to_decimal256('9.5', 3), to_decimal256('-10.5', 3), to_decimal256('10', 3)]) as x);
-- rows
--   [10.000, -10.500]
-- error 69
select to_decimal('99999999999999999999999999999999999999', 0) * 2;
-- error 69
select to_decimal256('9999999999999999999999999999999999999999999999999999999999999999999999999999', 0) * 2;
