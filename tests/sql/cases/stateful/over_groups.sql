-- Over the result rows of an aggregate they go from row to row and from emission to emission;
-- HAVING may use them.
create stream s (k string, v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select k, count() as c, lag(c) as before, lag(k) from tumble(s, 5s) group by k, window_start;
insert into s (k, v, t) values ('a', 1, '2020-02-02 20:00:01')('b', 2, '2020-02-02 20:00:02')('a', 3, '2020-02-02 20:00:03');
insert into s (k, v, t) values ('c', 1, '2020-02-02 20:00:05');
-- rows
--   ["a", 2, 0, ""]
--   ["b", 1, 2, "a"]
insert into s (k, v, t) values ('c', 1, '2020-02-02 20:00:10');
-- rows
--   ["c", 1, 1, "b"]

-- query
select k, count() as c from tumble(s, 5s) group by k, window_start having lag(c) < c;
insert into s (k, v, t) values ('a', 1, '2020-02-02 20:00:01')('b', 2, '2020-02-02 20:00:02')('a', 3, '2020-02-02 20:00:03')('d', 3, '2020-02-02 20:00:03')('d', 3, '2020-02-02 20:00:03');
insert into s (k, v, t) values ('c', 1, '2020-02-02 20:00:05');
-- rows
--   ["a", 2]
--   ["d", 2]
-- error 48
select k, count(), lag(count()) from tumble(s, 5s) partition by k group by window_start;
