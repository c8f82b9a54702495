-- `query_mode='table'` makes a query bounded.
create stream s (v int32);
insert into s (v) values (1)(2);

-- query
select sum(v) from s settings query_mode = 'table';
-- rows
--   [3]
-- end
