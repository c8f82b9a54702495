-- `_tp_time > now() - 1h` rewinds by an hour.
create stream s (v int32);
insert into s (v) values (1);
-- wait 2h
insert into s (v) values (2);
-- wait 30m

-- query
select v from s where _tp_time > now() - 1h;
-- rows
--   [2]
