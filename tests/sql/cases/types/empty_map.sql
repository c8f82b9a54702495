-- {} and [] take the type of the column or of what stands beside them.
create stream s (m map(string, int32), a array(string));
insert into s (m, a) values ({}, [])({'k': 1}, ['x']);

-- query
select m, a, [[], [1]] as n, [{}, {'a': 1}] as o from table(s);
-- columns m map(string, int32) | a array(string) | n array(array(uint8)) | o array(map(string, uint8))
-- rows
--   [{}, [], [[], [1]], [{}, {"a": 1}]]
--   [{"k": 1}, ["x"], [[], [1]], [{}, {"a": 1}]]
