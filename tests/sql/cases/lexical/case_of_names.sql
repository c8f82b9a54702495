-- Keywords and functions are case-insensitive; names of columns and streams are not.
create stream Mixed (Value int32);
INSERT INTO Mixed (Value) VALUES (1);

-- query
SeLeCt SUM(Value) AS a, Sum(Value) As B From TABLE(Mixed);
-- rows
--   [1, 1]
-- error 60
select * from table(mixed);
-- error 47
select VALUE from table(Mixed);
