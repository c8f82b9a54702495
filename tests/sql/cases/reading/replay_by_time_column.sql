-- `replay_time_column` gives the pace, row by row; `replay_start_time` and `replay_end_time` bound it.
create stream s (v int32, t datetime64(3), u string) settings event_time_column = 't';
insert into s (v, t) values (1, '2022-01-01 00:00:00')(2, '2022-01-01 00:00:00')(3, '2022-01-01 00:00:10');
insert into s (v, t) values (4, '2022-01-01 00:00:05')(5, '2022-01-01 00:00:40');

-- query
select v from s settings seek_to = 'earliest', replay_speed = 10, replay_time_column = 't';
-- rows
--   [1]
--   [2]
-- wait 1s
-- rows
--   [3]
--   [4]
-- wait 2900ms
-- no rows
-- wait 100ms
-- rows
--   [5]

-- query
select v from s settings replay_speed = 10, replay_time_column = 't',
replay_start_time = '2022-01-01 00:00:05', replay_end_time = '2022-01-01 00:00:20';
-- no rows
-- wait 500ms
-- rows
--   [3]
--   [4]
insert into s (v, t) values (6, '2022-01-01 00:00:00');
-- rows
--   [6]

-- query
select window_start, sum(v) from tumble(s, 5s) group by window_start
settings seek_to = 'earliest', replay_speed = 10, replay_time_column = '_tp_time';
-- no rows
-- wait 1s
-- rows
--   ["2022-01-01 00:00:00.000", 3]
-- wait 3s
-- rows
--   ["2022-01-01 00:00:10.000", 3]

-- query
select count() from s emit periodic 1s
settings seek_to = 'earliest', replay_speed = 8, replay_time_column = 't';
-- wait 900ms
-- no rows
-- wait 150ms
-- rows
--   [2]
-- wait 1s
-- rows
--   [4]
-- error 47
select v from s settings replay_speed = 1, replay_time_column = 'x';
-- error 43
select v from s settings replay_speed = 1, replay_time_column = 'u';
