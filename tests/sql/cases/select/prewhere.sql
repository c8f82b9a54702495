-- PREWHERE is another WHERE.
create stream s (v int32);

-- query
select v from s prewhere v > 1 where v < 4;
insert into s (v) values (1)(2)(4);
-- rows
--   [2]
