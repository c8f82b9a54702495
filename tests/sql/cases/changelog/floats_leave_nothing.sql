-- A float that is taken back leaves no trace in sums and means, whatever its size; groups go whole.
create stream s (id int32, k string, f float64);

-- query
select k, sum(f), avg(f), sum_if(f, f > 100) from changelog(s, id) group by k emit on update;

insert into s (id, k, f) values (1, 'a', 1e16)(2, 'a', 0.1)(3, 'b', 0.1)(4, 'b', 0.7);
-- rows
--   ["a", 10000000000000000.0, 5000000000000000.0, 10000000000000000.0]
--   ["b", 0.7999999999999999, 0.39999999999999997, 0.0]

insert into s (id, k, f) values (1, 'a', 0.2);
-- rows
--   ["a", 0.30000000000000004, 0.15000000000000002, 0.0]

insert into s (id, k, f) values (1, 'c', inf)(3, 'c', 0.5)(4, 'c', 0.5);
-- rows
--   ["a", 0.1, 0.1, 0.0]
--   ["c", "inf", "inf", "inf"]

insert into s (id, k, f) values (1, 'c', 0.25);
-- rows
--   ["c", 1.25, 0.4166666666666667, 0.0]
