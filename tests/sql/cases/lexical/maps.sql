-- Maps: `{'k': 1}`; a missing key gives the zero of the value type.
create stream s (m map(string, int32));
insert into s (m) values ({'a': 1, 'b': 2});

-- query
select m['b'] as a, m['none'] as b, {'k': 'v'}['k'] as c, map_keys(m) as d, m from table(s);
-- rows
--   [2, 0, "v", ["a", "b"], {"a": 1, "b": 2}]
