-- AFTER SESSION CLOSE with a start and an end condition: rows outside of sessions do not count.
create stream devices (device string, phase string, status string);

-- query
select device, count() as events, min(_tp_time), max(_tp_time) from devices group by device emit after session close identified by (_tp_time, phase = 'assoc', phase = 'connection' and status = 'success') with maxspan 10s and timeout 20s;
insert into devices (device, phase, status, _tp_time) values ('d', 'dns', 'success', '2025-01-01 00:00:00.000')('d', 'assoc', 'success', '2025-01-01 00:00:00.001')('d', 'auth', 'success', '2025-01-01 00:00:00.002')('d', 'connection', 'success', '2025-01-01 00:00:01.100');
-- rows
--   ["d", 3, "2025-01-01 00:00:00.001", "2025-01-01 00:00:01.100"]
insert into devices (device, phase, status, _tp_time) values ('d', 'auth', 'success', '2025-01-01 00:00:02.000');
-- no rows
insert into devices (device, phase, status, _tp_time) values ('d', 'assoc', 'failed', '2025-01-01 00:00:03.000')('d', 'assoc', 'failed', '2025-01-01 00:00:03.500')('d', 'assoc', 'success', '2025-01-01 00:00:03.600');
-- rows
--   ["d", 1, "2025-01-01 00:00:03.000", "2025-01-01 00:00:03.000"]
--   ["d", 1, "2025-01-01 00:00:03.500", "2025-01-01 00:00:03.500"]
-- wait 20s
-- rows
--   ["d", 1, "2025-01-01 00:00:03.600", "2025-01-01 00:00:03.600"]
