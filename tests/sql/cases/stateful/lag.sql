-- lag looks at the rows before in order of arrival; a row that is not there gives the type's zero.
create stream s (v int32, k string);

-- query
select v, lag(v), lag(v, 2), lag(k), lag(v, 3, -1), lag(v + 1) as next from s;
-- columns v int32 | lag(v) int32 | lag(v, 2) int32 | lag(k) string | lag(v, 3, -1) int32 | next int64
insert into s (v, k) values (1, 'a')(2, 'b')(3, 'c');
-- rows
--   [1, 0, 0, "", -1, 0]
--   [2, 1, 0, "a", -1, 2]
--   [3, 2, 1, "b", -1, 3]
insert into s (v, k) values (4, 'd');
insert into s (v, k) values (5, 'e');
-- rows
--   [4, 3, 2, "c", 1, 4]
--   [5, 4, 3, "d", 2, 5]
