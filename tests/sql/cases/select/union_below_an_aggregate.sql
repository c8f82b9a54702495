-- An aggregate over a union of streams.
create stream a (v int32);
create stream b (v int32);

-- query
select count(), sum(v) from (select v from a union all select v from b) emit on update;
insert into a (v) values (1);
-- rows
--   [1, 1]
insert into b (v) values (2);
-- rows
--   [2, 3]
