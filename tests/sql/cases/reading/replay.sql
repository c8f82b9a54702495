-- `replay_speed` plays the past at so many times the pace of its appends; later rows follow.
create stream s (v int32);
insert into s (v) values (1);
-- wait 2s
insert into s (v) values (2)(3);
-- wait 4s
insert into s (v) values (4);
-- wait 1m

-- query
select v from s settings seek_to = 'earliest', replay_speed = 2;
-- rows
--   [1]
-- wait 900ms
-- no rows
-- wait 100ms
-- rows
--   [2]
--   [3]
insert into s (v) values (5);
-- wait 1900ms
-- no rows
-- wait 100ms
-- rows
--   [4]
--   [5]
insert into s (v) values (6);
-- rows
--   [6]

-- query
select v from s settings replay_speed = 2;
insert into s (v) values (7);
-- rows
--   [7]
-- error 36
select v from s settings replay_speed = 'fast';
-- error 36
select v from s settings replay_speed = -1;
-- error 36
select v from s settings replay_start_time = '2026-01-01';
