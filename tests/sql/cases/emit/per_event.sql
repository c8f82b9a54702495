-- PER EVENT sends the changed group after every single row.
create stream s (k string, v int32);

-- query
select count() from s emit per event;
insert into s (k, v) values ('a', 1)('b', 2)('a', 3);
-- rows
--   [1]
--   [2]
--   [3]

-- query
select k, sum(v), emit_version() from s where v > 1 group by k emit per event;
insert into s (k, v) values ('a', 1)('b', 2)('a', 3)('b', 4);
-- rows
--   ["b", 2, 0]
--   ["a", 3, 1]
--   ["b", 6, 2]
-- error 80
select k from s emit per event;
-- error 80
select count() from tumble(s, 5s) group by window_start emit per event;
-- error 80
select count() from s emit per event periodic 1s;
