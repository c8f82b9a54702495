-- table(view) makes a flat view bounded.
create stream s (v int32);
create view big as select v from s where v > 1;
insert into s (v) values (1)(2)(3);

-- query
select v from table(big);
-- rows
--   [2]
--   [3]
-- end
