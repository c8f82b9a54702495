-- An aggregate over an empty table gives one row of zeros; grouped, none.
create stream s (k string, v int32);

-- query
select count(), sum(v), max(v), max(k) from table(s);
-- rows
--   [0, 0, 0, ""]
-- query
select k, count() from table(s) group by k;
-- no rows
-- end
