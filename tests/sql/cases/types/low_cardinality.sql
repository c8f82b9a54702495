-- low_cardinality(T) and fixed_string(n) are accepted.
create stream s (a low_cardinality(string), b fixed_string(3));
insert into s (a, b) values ('x', 'abc');

-- query
select a, b from table(s);
-- rows
--   ["x", "abc"]
