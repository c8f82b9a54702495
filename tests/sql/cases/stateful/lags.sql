-- lags gives the values of several rows before, the nearest first.
create stream s (v float32);

-- query
select v, lags(v, 1, 3) as before, array_sum(before) as total from s;
-- columns v float32 | before array(float32) | total float64
insert into s (v) values (1)(2);
insert into s (v) values (3);
insert into s (v) values (4)(5);
-- rows
--   [1.0, [0.0, 0.0, 0.0], 0.0]
--   [2.0, [1.0, 0.0, 0.0], 1.0]
--   [3.0, [2.0, 1.0, 0.0], 3.0]
--   [4.0, [3.0, 2.0, 1.0], 6.0]
--   [5.0, [4.0, 3.0, 2.0], 9.0]
