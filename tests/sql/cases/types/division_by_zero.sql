-- A whole number is not divided by zero: an error, or 0 where that is asked for.
-- error 153
select 1 % 0;
-- error 153
select modulo(1, 0);
-- error 153
select int_div(1, 0);
-- error 153
select 1::int256 % 0;

-- query
select modulo_or_zero(1, 0) as a, int_div_or_zero(7, 0) as b, 1 / 0 as c, 5.5 % 2 as d;
-- rows
--   [0, 0, "inf", 1.5]
