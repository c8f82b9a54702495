-- PERIODIC i: every i from the start of the query, the full result.
create stream s (v int32);

-- query
select count(), sum(v), emit_version() from s emit periodic 3s;

-- wait 1s
insert into s (v) values (1);
-- wait 1s
insert into s (v) values (2);
-- no rows
-- wait 1s
-- rows
--   [2, 3, 0]
-- wait 3s
-- no rows
-- wait 1s
insert into s (v) values (4);
-- wait 2s
-- rows
--   [3, 7, 1]
