-- A query without source is bounded: one row.
-- query
select 1 + 1 as two, 'x' as s;
-- rows
--   [2, "x"]
-- end
