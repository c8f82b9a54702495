-- Comments are `-- ...` to the end of the line and `/* ... */`.
-- query
select 1 /* one
  -- still inside */ + 1 as two -- the sum
;
-- rows
--   [2]
