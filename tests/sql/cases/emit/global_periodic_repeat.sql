-- PERIODIC i REPEAT sends every i, also without new rows.
create stream s (v int32);

-- query
select sum(v), emit_version() from s emit periodic 1s repeat;

insert into s (v) values (1);
-- wait 3s
-- rows
--   [1, 0]
--   [1, 1]
--   [1, 2]
