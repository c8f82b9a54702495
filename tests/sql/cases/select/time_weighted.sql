-- avg_time_weighted and median_time_weighted count a value as long as it lasted, until the next event.
create stream t (k string, v float64, at datetime64(3));
insert into t (k, v, at) values ('a', 10, '2026-01-01 00:00:00')('a', 20, '2026-01-01 00:00:09')
('a', 1000, '2026-01-01 00:00:10')('b', 3, '2026-01-01 00:00:00')('b', 5, '2026-01-01 00:00:00');

-- query
select k, avg_time_weighted(v, at) as a, median_time_weighted(v, at) as m from table(t) group by k order by k;
-- columns k string | a float64 | m float64
-- rows
--   ["a", 11, 10]
--   ["b", 4, 4]
-- end

-- query
select avg_time_weighted(v, at), median_time_weighted(v, at) from t where k = 'a' emit on update;
insert into t (k, v, at) values ('a', 4, '2026-01-01 00:00:04');
-- rows
--   [4, 4]
insert into t (k, v, at) values ('a', 6, '2026-01-01 00:00:00');
-- rows
--   [6, 6]
insert into t (k, v, at) values ('a', 0, '2026-01-01 00:00:12');
-- rows
--   [4.666666666666667, 4]
-- error 43
select avg_time_weighted(v, v) from t;
