-- stochastic_*_regression(rate, l2, batch, method)(target, x1, ...) is fitted as rows come; eval_ml_method predicts.
create stream s (k string, y nullable(float64), x float64, t datetime64(3)) settings event_time_column = 't';
create stream out (k string, model array(float64));
create stream kv (k string, y float64, x float64) primary key k settings mode = 'versioned_kv';

-- query
select k, stochastic_linear_regression(0.1, 0.0, 2, 'SGD')(y, x) as w from s group by k emit on update;
insert into s (k, y, x) values ('a', 1, 1)('b', 1, 1);
-- rows
--   ["a", [0, 0]]
--   ["b", [0, 0]]

-- A full mini batch moves the weights: by 0.1 times the mean of 2 (y - wx - b) times (x, 1). A row with a NULL is none.
insert into s (k, y, x) values ('a', 2, 2)('b', null, 5);
-- rows
--   ["a", [0.5, 0.30000000000000004]]
--   ["b", [0, 0]]
insert into s (k, y, x) values ('b', 3, 0)('a', 0, 0);
-- rows
--   ["a", [0.5, 0.30000000000000004]]
--   ["b", [0.1, 0.4]]

-- In windows, with a condition, and as a model.
-- query
select stochastic_logistic_regression_state_if(1, 0, 2, 'SGD')(y, x, x != 7) as m, window_start as w
from tumble(s, 5s) group by window_start;
insert into s (k, y, x, t) values ('c', 1, 2, '2020-02-02 20:00:01')('c', 1, 7, '2020-02-02 20:00:02')
('c', -1, -2, '2020-02-02 20:00:03');
insert into s (k, y, x, t) values ('c', 1, 2, '2020-02-02 20:00:06');
-- rows
--   [[1, 1, 0], "2020-02-02 20:00:00.000"]

-- A model lies in a column like any array; a subquery reads it.
-- query
select count() from s;
insert into out (k, model) select k, stochastic_linear_regression_state(0.1, 0.0, 2, 'SGD')(y, x) from table(s) group by k;
-- no rows

-- query
select k, model from table(out) where k < 'c' order by k;
-- rows
--   ["a", [0, 0.5, 0.30000000000000004]]
--   ["b", [0, 0.1, 0.4]]

-- query
select eval_ml_method((select model from table(out) where k = 'a'), x) as p from table(s) where k = 'a' order by x;
-- rows
--   [0.30000000000000004]
--   [0.8]
--   [1.3]

-- Over a changelog the rows that are left are fitted anew.
-- query
select stochastic_linear_regression(0.1, 0.0, 1, 'SGD')(y, x) as w from changelog(kv) emit on update;
insert into kv (k, y, x) values ('a', 1, 1);
-- rows
--   [[0.2, 0.2]]
insert into kv (k, y, x) values ('a', 5, 0);
-- rows
--   [[0, 1]]

-- error 69 parameter method of stochastic_linear_regression must be one of 'SGD', 'Momentum', 'Nesterov', 'Adam', not 'sgd'
select stochastic_linear_regression(0.1, 0.0, 2, 'sgd')(y, x) from s;
-- error 69 parameter mini_batch_size of stochastic_linear_regression must be a constant whole number from 1 to 1000000
select stochastic_linear_regression(0.1, 0.0, 0)(y, x) from s;
-- error 43 parameter learning_rate of stochastic_linear_regression must be a constant number above 0, not float64
select stochastic_linear_regression(x)(y, x) from s;
-- error 42 1 to 900 features
select stochastic_linear_regression(0.1)(y) from s;
-- error 42 wants a model of as many
select eval_ml_method([0, 1, 2], x, x) from table(s);
