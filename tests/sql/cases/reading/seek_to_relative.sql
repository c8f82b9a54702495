-- A negative duration as `seek_to` counts back from now.
create stream s (v int32);
insert into s (v) values (1);
-- wait 2h
insert into s (v) values (2);
-- wait 30m

-- query
select v from s settings seek_to = '-1h';
-- rows
--   [2]
