-- `/` is always a float and never fails: x / 0 is inf, 0 / 0 is nan; they travel as texts.
-- query
select 7 / 2 as a, 1 / 0 as b, -1 / 0 as c, 0 / 0 as d, int_div(7, 2) as e;
-- columns a float64 | b float64 | c float64 | d float64 | e uint8
-- rows
--   [3.5, "inf", "-inf", "nan", 3]
