-- They stand in CTEs, views, unions and subqueries, several levels deep, and below aggregates.
create stream s (v int32, k string, t datetime64(3));
create view before as select v, k, lag(v) as p from s;

-- query
with c as (select v, p, lag(p) as pp from before where v > 1) select v, p, pp, lag(pp) as ppp from c where v != 4;
insert into s (v, k) values (1, 'a')(2, 'b')(3, 'a')(4, 'b')(5, 'a');
-- rows
--   [2, 1, 0, 0]
--   [3, 2, 1, 0]
--   [5, 4, 3, 1]

-- query
select k, sum(v - p) from before group by k emit on update;
insert into s (v, k) values (1, 'a')(3, 'b')(4, 'a');
-- rows
--   ["a", 2]
--   ["b", 2]

-- query
select v, lag(v) from (select v from s where k = 'a' union all select v from s where k = 'b') where v > 0;
insert into s (v, k) values (1, 'a')(2, 'a');
-- rows
--   [1, 0]
--   [2, 1]

-- query
select window_start, v, lag(v), row_number() as n from tumble(s, t, 5s) where n < 3;
insert into s (v, k, t) values (1, 'a', '2020-01-01 00:00:01')(2, 'b', '2020-01-01 00:00:07')(3, 'a', '2020-01-01 00:00:02')(4, 'b', '2020-01-01 00:00:02');
-- rows
--   ["2020-01-01 00:00:00.000", 1, 0, 0]
--   ["2020-01-01 00:00:05.000", 2, 1, 1]
--   ["2020-01-01 00:00:00.000", 3, 2, 2]

-- query
select v, lag(v) as p from s order by p desc;
insert into s (v) values (5)(9)(7);
-- rows
--   [7, 9]
--   [9, 5]
--   [5, 0]

-- query
select max(lag(v)) as m, window_start from tumble(s, t, 5s) group by window_start;
insert into s (v, t) values (5, '2020-01-01 00:00:01')(9, '2020-01-01 00:00:02')(7, '2020-01-01 00:00:03');
insert into s (v, t) values (5, '2020-01-01 00:00:06');
-- rows
--   [9, "2020-01-01 00:00:00.000"]
-- error 48
select max(lag(v)), window_start from tumble(s, t, 5s) where v > 1 group by window_start;
