-- A window over dedup counts each key once; views and CTEs may hold it.
create stream s (id int32, v int32, t datetime64(3));
create view d as select id, v, t from dedup(s, id, v, to_string(t));

-- query
select id, count(), window_start from tumble(d, t, 5s) group by id, window_start;
insert into s (id, v, t) values (1, 10, '2020-01-01 00:00:00')(2, 10, '2020-01-01 00:00:00')(1, 10, '2020-01-01 00:00:00');
insert into s (id, v, t) values (1, 10, '2020-01-01 00:00:00')(1, 11, '2020-01-01 00:00:05');
-- rows
--   [1, 1, "2020-01-01 00:00:00.000"]
--   [2, 1, "2020-01-01 00:00:00.000"]

-- query
with c as (select id from s) select id from dedup(c, id);
insert into s (id, v) values (7, 1)(7, 2);
-- rows
--   [7]
