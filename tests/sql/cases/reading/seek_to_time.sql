-- A time as `seek_to` begins at the first append with a row at or after it, and filters nothing.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
insert into s (v, t) values (1, '2022-01-01 00:00:00');
insert into s (v, t) values (2, '2022-01-01 00:00:05')(3, '2022-01-01 00:00:15');
insert into s (v, t) values (4, '2022-01-01 00:00:02');

-- query
select v from s settings seek_to = '2022-01-01 00:00:10.000';
-- rows
--   [2]
--   [3]
--   [4]
