-- A view over a stream is streaming: its text stands in place of its name.
create stream s (v int32);
create view doubled as select v * 2 as w from s;
create view plus as select w + 1 as x from doubled;

-- query
select x from plus where x > 3;
insert into s (v) values (1)(2);
-- rows
--   [5]
