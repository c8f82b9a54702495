-- table(cte) makes a flat CTE bounded.
create stream s (v int32);
insert into s (v) values (1)(2)(3);

-- query
with c as (select v * 2 as w from s) select sum(w) from table(c);
-- rows
--   [12]
-- end
