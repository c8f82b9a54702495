-- As an argument of an aggregate they go over the rows of FROM.
create stream s (id int32, v float32);
insert into s (id, v) values (1, 10)(1, 20)(1, 30);

-- query
select id, latest(lags(v, 1, 4)) as before, array_sum(before) from table(s) group by id;
-- rows
--   [1, [20.0, 10.0, 0.0, 0.0], 30.0]
-- end

-- query
select id, max(v - lag(v)) from s group by id emit on update;
insert into s (id, v) values (1, 1)(1, 5)(2, 7);
-- rows
--   [1, 4.0]
--   [2, 2.0]
insert into s (id, v) values (1, 17);
-- rows
--   [1, 10.0]
