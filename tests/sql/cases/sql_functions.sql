-- A SQL function is put in place of its call, also in a view, with the name that the call has.
create stream s (a int32, b int32, k string);

create function add_two as (a, b) -> a + b;

create function twice as (x) -> add_two(x, x);

create function mean_of as (x) -> sum(x) / count();

create view v as select k, twice(a) as t from s;

-- query
select add_two(a, b), t * 10 as u from (select a, b, twice(a + 1) as t from s) where twice(b) > 2;
-- columns add_two(a, b) int64 | u int64

insert into s (a, b, k) values (1, 2, 'x')(5, 1, 'y');
-- rows
--   [3, 40]

-- query
select k, mean_of(a) as m from table(s) group by k order by k;
-- rows
--   ["x", 1]
--   ["y", 5]
-- end

-- query
select t from v;

insert into s (a, b, k) values (twice(21), 0, 'z');
-- rows
--   [84]

-- error 630
drop function twice;

-- error 57
create function twice as (x) -> x * 2;

create function if not exists twice as (x) -> x * 3;

create or replace function twice as (x) -> x * 2;

-- error 36
create or replace function add_two as (a, b) -> twice(add_two(a, b));

-- error 42
select twice(1, 2);

-- error 46
drop function nobody;

drop function if exists nobody;

-- query
show functions;
-- rows
--   ["add_two"]
--   ["mean_of"]
--   ["twice"]
-- end

-- query
show create function add_two;
-- rows
--   ["CREATE FUNCTION add_two AS (a, b) -> a + b"]
-- end
