-- A view that a materialized view reads keeps its query: steps could not be repeated with another one.
create stream s (k string, v int32);
create view doubled as select k, v * 2 as w from s;
create view renamed as select k, w as x from doubled;
create materialized view sums as select sum(x) as total from renamed emit on update;

-- error 630 materialized view sums began with its query
create or replace view doubled as select k, v * 100 as w from s;
-- error 630 materialized view sums began with its query
create or replace view renamed as select k, w + 1 as x from doubled;
create or replace view doubled as select k, v * 2 as w from s;

create view hundredfold as select k, v * 100 as x from s;
alter view sums modify query select sum(x) as total from hundredfold emit on update;
create or replace view doubled as select k, v * 3 as w from s;
insert into s (k, v) values ('a', 1);
-- query
select total from table(sums);
-- rows
--   [100]
-- query
select w from table(doubled);
-- rows
--   [3]
