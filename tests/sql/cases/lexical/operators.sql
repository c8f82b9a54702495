-- `==` is `=`, `!=` is `<>`, `||` joins texts.
-- query
select 1 == 1 as a, 1 != 2 as b, 1 <> 1 as c, 'x' || 'y' || 'z' as d, 7 % 4 as e;
-- rows
--   [true, true, false, "xyz", 3]
