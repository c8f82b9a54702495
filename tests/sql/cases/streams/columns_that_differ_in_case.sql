-- Two columns of a stream may not differ in case alone; result columns may.
-- error 15
create stream s (value int32, Value int32);
create stream t (v int32);
insert into t (v) values (1);

-- query
select v as a, v + 1 as A from table(t);
-- columns a int32 | A int64
-- rows
--   [1, 2]
-- query
select v as a, v + 1 as A from t;
insert into t (v) values (5);
-- rows
--   [5, 6]
