-- Functions over the rows before take the rows of a changelog as they come, with their weights.
create stream s (i int, k string);

-- query
select i, lag(i), k, _tp_delta from changelog(s, k);

insert into s (i, k) values (1, 'a')(2, 'a');
-- rows
--   [1, 0, "a", 1]
--   [1, 1, "a", -1]
--   [2, 1, "a", 1]
