-- Booleans print as true and false.
-- query
select true as a, to_string(false) as b, 1 = 1 as c, true and false as d, to_bool('true') as e;
-- columns a bool | b string | c bool | d bool | e bool
-- rows
--   [true, "false", true, false, true]
