-- table() over a CTE or a view that aggregates is refused.
create stream s (v int32);
create view total as select sum(v) from s;
-- error 36
with c as (select sum(v) as w from s) select w from table(c);
-- error 36
select * from table(total);
