-- SETTINGS at the end of a union are those of all its sides.
create stream a (v int32);
create stream b (v int32);
insert into a (v) values (1)(2);
insert into b (v) values (3);

-- query
select v from a where v > 1 union all select v from b settings query_mode = 'table';
-- rows
--   [2]
--   [3]
-- end
