-- moving_sum gives the running totals of a group as an array, in order of arrival.
create stream s (k string, v int32);
insert into s (k, v) values ('a', 57)('a', 66)('b', 1)('a', 58);

-- query
select k, moving_sum(v) from table(s) group by k order by k;
-- rows
--   ["a", [57, 123, 181]]
--   ["b", [1]]
-- end

-- query
select moving_sum(v) from s emit on update;
insert into s (k, v) values ('a', 57)('a', 66);
-- rows
--   [[57, 123]]
insert into s (k, v) values ('b', 58);
-- rows
--   [[57, 123, 181]]
