-- merge_open_sessions: a start inside of an open session goes on with it.
create stream devices (device string, phase string, status string);

-- query
select device, count() as events, count_if(status = 'failed') from devices group by device emit after session close identified by (_tp_time, phase = 'assoc', phase = 'connection') with maxspan 10s settings merge_open_sessions = true;
insert into devices (device, phase, status, _tp_time) values ('d', 'assoc', 'failed', '2025-01-01 00:00:00.000')('d', 'assoc', 'failed', '2025-01-01 00:00:00.201')('d', 'assoc', 'success', '2025-01-01 00:00:00.302')('d', 'connection', 'success', '2025-01-01 00:00:02.100');
-- rows
--   ["d", 4, 2]
