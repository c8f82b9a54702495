-- SHOW STREAMS lists names, DESCRIBE columns and types.
create stream one (a int32, b nullable(string));
create stream two (a int32);

-- query
show streams like 'o%';
-- rows
--   ["one"]
-- query
select 1;
-- rows
--   [1]
