-- `*` of changelog() ends with the weight.
create stream s (i int, k string);

-- query
select * except _tp_time from changelog(s, k);
-- columns i int32 | k string | _tp_delta int8

insert into s (i, k) values (1, 'a');
-- rows
--   [1, "a", 1]
