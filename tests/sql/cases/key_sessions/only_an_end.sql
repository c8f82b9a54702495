-- `true` as start: any row opens a session; rows out of order belong to it. ONLY sends long ones.
create stream s (id string, done bool);

-- query
select id, count() from s group by id emit after session close identified by (_tp_time, true, done) with only maxspan 1s;
insert into s (id, done, _tp_time) values ('a', false, '2025-01-01 00:00:00.100')('a', false, '2025-01-01 00:00:00.000')('a', true, '2025-01-01 00:00:00.900');
-- no rows
insert into s (id, done, _tp_time) values ('a', false, '2025-01-01 00:00:02.100')('a', true, '2025-01-01 00:00:03.500');
-- rows
--   ["a", 2]
