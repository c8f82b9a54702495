-- ON UPDATE over the past: results are held back until the past is read, then sent once.
create stream s (k string, v int32);
insert into s (k, v) values ('a', 1);
insert into s (k, v) values ('a', 2)('b', 1);

-- query
select k, sum(v) from s group by k emit on update settings seek_to = 'earliest';
-- rows
--   ["a", 3]
--   ["b", 1]
insert into s (k, v) values ('a', 4);
-- rows
--   ["a", 7]
