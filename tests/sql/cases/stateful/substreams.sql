-- PARTITION BY, or the same in OVER, gives every key an order of arrival of its own.
create stream s (v int32, k string);

-- query
select v, k, lag(v), row_number() from s partition by k;
insert into s (v, k) values (1, 'a')(2, 'b')(3, 'a');
-- rows
--   [1, "a", 0, 0]
--   [2, "b", 0, 0]
--   [3, "a", 1, 1]
insert into s (v, k) values (4, 'b')(5, 'a')(6, 'c');
-- rows
--   [4, "b", 2, 1]
--   [5, "a", 3, 2]
--   [6, "c", 0, 0]

-- query
select v, lag(v) over (partition by k) as p, v - p from s;
insert into s (v, k) values (1, 'a')(2, 'b')(3, 'a')(4, 'b');
-- rows
--   [1, 0, 1]
--   [2, 0, 2]
--   [3, 1, 2]
--   [4, 2, 2]
-- error 48
select lag(v) over (partition by k), lag(v) over (partition by v) from s;
-- error 48
select lag(v) over (partition by k) from s partition by v;
