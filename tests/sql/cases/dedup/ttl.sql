-- A key is forgotten the given time after its first row; 0s = never.
create stream s (i int32);

-- query
select i from dedup(s, i, 1s);
insert into s (i) values (1)(2);
-- rows
--   [1]
--   [2]
-- wait 600ms
insert into s (i) values (1)(3);
-- rows
--   [3]
-- wait 500ms
insert into s (i) values (1)(2)(3);
-- rows
--   [1]
--   [2]

-- query
select i from dedup(s, i, 0s);
insert into s (i) values (1);
-- rows
--   [1]
-- wait 1d
insert into s (i) values (1);
-- no rows
