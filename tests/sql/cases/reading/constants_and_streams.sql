-- A bounded side of a union is sent first; the query goes on with the stream.
create stream s (v int32);

-- query
select v from s union all select 100 as v;
-- rows
--   [100]
insert into s (v) values (1);
-- rows
--   [1]
