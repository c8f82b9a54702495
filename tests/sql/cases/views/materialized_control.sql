-- A view that begins paused starts at RESUME, and gets another query whose columns must fit.
create stream s (i int, k string);
create stream t (k string, n int64);
create materialized view mv into t as select k, i as n from s settings pause_on_start = true;
insert into s (i, k) values (1, 'a');

-- query
select k, n from table(t);
-- no rows

system resume materialized view mv;
insert into s (i, k) values (2, 'b');
-- query
select k, n from table(t);
-- rows
--   ["b", 2]

-- error 36 has no column total
alter view mv modify query select k, i as total from s;
alter view mv modify query select k, i * 10 as n from s;
insert into s (i, k) values (3, 'c');
-- query
select k, n from table(t) where n > 2;
-- rows
--   ["c", 30]

system pause materialized view mv;
insert into s (i, k) values (4, 'd');
-- query
select k, n from table(t) where n > 30;
-- no rows

-- error 60
system pause materialized view nosuch;
-- error 36 has not failed
system recover materialized view mv;
-- error 2003
recover from 'nosuch';
-- error 2003
unsubscribe to 'nosuch';
