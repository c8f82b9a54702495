-- NULL given to a column that is not nullable becomes its zero.
create stream s (a int32, b string);
insert into s (a, b) values (null, null);

-- query
select a, b from table(s);
-- rows
--   [0, ""]
