-- The spread of a sample needs two values: of one and of none it is nan.
create stream s (k string, v int32);

-- query
select k, var_samp_if(v, v > 0) as v2, stddev_samp_if(v, v > 0) as d, var_pop_if(v, v > 0) as p
from s group by k emit on update;
insert into s (k, v) values ('none', 0)('one', 1)('two', 1)('two', 3);
-- rows
--   ["none", "nan", "nan", "nan"]
--   ["one", "nan", "nan", 0.0]
--   ["two", 2.0, 1.4142135623730951, 1.0]
