-- include_session_end = false: the row of the end condition is no part of the session.
create stream devices (device string, phase string, status string);

-- query
select device, phase, count() as fails, max(_tp_time) from devices group by device, phase emit after session close identified by (_tp_time, status = 'failed', status = 'success') with maxspan 10s settings include_session_end = false, merge_open_sessions = true;
insert into devices (device, phase, status, _tp_time) values ('d', 'assoc', 'failed', '2025-01-01 00:00:00.000')('d', 'assoc', 'failed', '2025-01-01 00:00:00.201')('d', 'assoc', 'success', '2025-01-01 00:00:00.302')('d', 'auth', 'success', '2025-01-01 00:00:00.403')('d', 'dhcp', 'failed', '2025-01-01 00:00:00.504')('d', 'dhcp', 'success', '2025-01-01 00:00:00.604');
-- rows
--   ["d", "assoc", 2, "2025-01-01 00:00:00.201"]
--   ["d", "dhcp", 1, "2025-01-01 00:00:00.504"]
