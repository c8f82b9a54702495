-- xirr(amount, date[, guess]): the annual rate at which irregular payments are worth nothing.
create stream t (id int32, income float32, day date);
insert into t (id, income, day) values (1, -1000, '2020-01-02 00:00:01')(1, 3100, '2020-01-18 09:01:01')
(1, -1000, '2020-01-03')(1, -1000, '2020-01-05')(1, 100, '2020-03-09')(2, 5, '2020-01-01')(2, 5, '2020-02-01')
(3, -100, '2020-01-01')(3, 50, '2021-01-01');

-- query
select id, round(xirr(income, day, 0.1), 8) as rate from table(t) group by id order by id;
-- columns id int32 | rate float64
-- rows
--   [1, 3.31343346]
--   [2, "nan"]
--   [3, -0.49905218]
-- end

-- query
select id, round(xirr(income, day), 8) as rate from t where id = 3 group by id emit on update settings seek_to = 'earliest';
-- rows
--   [3, -0.49905218]
insert into t (id, income, day) values (3, 55, '2021-01-01');
-- rows
--   [3, 0.04986004]
-- error 43
select xirr(income, income) from t;
-- error 69
select xirr(income, day, -1) from t;
