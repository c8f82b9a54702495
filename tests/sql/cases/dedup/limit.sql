-- Above the limit the keys that came first are forgotten, after each append.
create stream s (i int32);

-- query
select i from dedup(s, i, 1h, 2);
insert into s (i) values (1)(2)(3)(1);
-- rows
--   [1]
--   [2]
--   [3]
insert into s (i) values (3)(2);
insert into s (i) values (1);
-- rows
--   [1]
insert into s (i) values (2);
-- rows
--   [2]
-- error 36
select i from dedup(s, i, 0);
-- error 42
select i from dedup(s, 1s);
