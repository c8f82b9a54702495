-- monotonic(n) numbers the rows of a query from n on.
create stream s (v string);

-- query
select v, monotonic(100) as n from s;
insert into s (v) values ('a')('b');
-- rows
--   ["a", 100]
--   ["b", 101]

insert into s (v) values ('c');
-- rows
--   ["c", 102]
-- error 36
select monotonic(1.0);
-- error 36
select monotonic('1');
-- error 42
select monotonic();
