-- now() is the instant of the step that runs the rows: the virtual clock here.
create stream s (v int32);

-- query
select v, now64(3) as at, to_unix_timestamp(now()) as unix from s;
-- wait 1500ms
insert into s (v) values (1);
-- rows
--   [1, "2026-01-01 00:00:01.500", 1767225601]
