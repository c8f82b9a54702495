-- When the source of an aggregate ends, what is due is sent.
create stream s (v int32);

-- query
select sum(v) from (select v from s limit 2);
insert into s (v) values (1)(2)(3);
-- rows
--   [3]
-- end
