-- Keys may be arrays, tuples and maps.
create stream s (a array(int32), v int32);

-- query
select a, sum(v) from s group by a emit on update;
insert into s (a, v) values ([1, 2], 1)([], 2)([1, 2], 4);
-- rows
--   [[1, 2], 5]
--   [[], 2]
