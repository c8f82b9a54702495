-- PARTITION BY and OVER take any expression, calls of functions too.
create function tripled(a int32) returns int32 language javascript as $$ function tripled(a) { return a.map(x => x * 3); } $$;
create stream s (k string, v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select lower(k) as kk, v, lag(v) as before from s partition by lower(k);
insert into s (k, v) values ('A', 1)('a', 2)('b', 3);
-- rows
--   ["a", 1, 0]
--   ["a", 2, 1]
--   ["b", 3, 0]

-- query
select tripled(v) as t3, count() as n from s partition by tripled(v) emit on update;
insert into s (k, v) values ('a', 1)('b', 2)('c', 1);
-- rows
--   [3, 2]
--   [6, 1]

-- query
select lower(k) as kk, count() over (partition by lower(k)), max(v) over (partition by lower(k)) from s emit on update;
insert into s (k, v) values ('A', 5)('a', 2);
-- rows
--   ["a", 2, 5]

-- query
select lower(k) as kk, window_start, count() from tumble(s, 5s) partition by lower(k) group by window_start;
insert into s (k, v, t) values ('A', 1, '2026-01-01 10:00:01')('a', 2, '2026-01-01 10:00:02')('b', 3, '2026-01-01 10:00:09');
insert into s (k, v, t) values ('a', 4, '2026-01-01 10:00:06');
-- rows
--   ["a", "2026-01-01 10:00:00.000", 2]

-- error 48 all OVER clauses and PARTITION BY of a query must be equal
select sum(v) over (partition by lower(k)), max(v) over (partition by upper(k)) from s emit on update;
