-- Arrays: `[1, 2]`, index from 1, negative from the end; outside of it the zero of the type.
-- query
select [1, 2, 3] as a, a[1] as b, a[-1] as c, a[9] as d, ['x', 'y'][2] as e, length([]) as f;
-- rows
--   [[1, 2, 3], 1, 3, 0, "y", 0]
