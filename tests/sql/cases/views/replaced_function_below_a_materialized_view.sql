-- A function that a materialized view goes by keeps its text, also through a view or another function.
create stream s (k string, v int32);
create function twice as (x) -> x * 2;
create function four_times as (x) -> twice(twice(x));
create view fourfold as select k, four_times(v) as w from s;
create materialized view sums as select sum(w) as total from fourfold emit on update;

-- error 630 Cannot replace function 'twice': materialized view sums began with its text
create or replace function twice as (x) -> x * 200;
-- error 630 Cannot replace function 'four_times': materialized view sums began with its text
create or replace function four_times as (x) -> x;
create or replace function twice as (x) -> x * 2;

create function hundredfold as (x) -> x * 100;
alter view sums modify query select sum(hundredfold(v)) as total from s emit on update;
create or replace function twice as (x) -> x * 3;
insert into s (k, v) values ('a', 1);
-- query
select total from table(sums);
-- rows
--   [100]
-- query
select w from table(fourfold);
-- rows
--   [9]
