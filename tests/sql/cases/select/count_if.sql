-- Every aggregate has a form with `_if`, which takes only the rows of a condition.
create stream s (v int32);

-- query
select count_if(v > 1), sum_if(v, v > 1), max_if(v, v < 3) from s emit on update;
insert into s (v) values (1)(2)(3);
-- rows
--   [2, 5, 2]
