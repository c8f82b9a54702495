-- values('types', rows...) is a bounded source.
-- query
select a, b from values('a int32, b string', (1, 'x'), (2, 'y'));
-- rows
--   [1, "x"]
--   [2, "y"]
