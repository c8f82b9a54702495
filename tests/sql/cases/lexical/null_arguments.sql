-- A NULL argument of a function gives NULL, whatever the function's result would be.
-- query
select map_keys(null) as a, map_values(null) as b, bit_shift_left(null, 1) as c, bit_count(null) as d;
-- rows
--   [null, null, null, null]
