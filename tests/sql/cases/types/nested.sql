-- Arrays of tuples, maps of arrays.
create stream s (a array(tuple(x int32, y string)), m map(string, array(int32)));
insert into s (a, m) values ([(1, 'p'), (2, 'q')], {'k': [1, 2]});

-- query
select a, a[2].y as b, m, m['k'][1] as c from table(s);
-- rows
--   [[[1, "p"], [2, "q"]], "q", {"k": [1, 2]}, 1]
