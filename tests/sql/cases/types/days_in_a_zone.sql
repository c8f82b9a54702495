-- A day is a day of the calendar of the zone, 24 hours are 24 hours.
-- query
select to_datetime('2024-03-09 12:00:00', 'America/New_York') + 1d as a, to_datetime('2024-03-09 12:00:00', 'America/New_York') + 24h as b, to_datetime64('2024-03-09 12:00:00.123456789', 9, 'America/New_York') + 1d as c, to_datetime('2024-11-02 12:00:00', 'America/New_York') + interval 1 week as d;
-- rows
--   ["2024-03-10 12:00:00", "2024-03-10 13:00:00", "2024-03-10 12:00:00.123456789", "2024-11-09 12:00:00"]

-- An hour that comes twice is the first of both; one that is left out goes on as before it.
-- query
select to_unix_timestamp(to_datetime('2024-11-03 01:30:00', 'America/New_York')) as a, to_string(to_datetime('2024-11-03 01:30:00', 'America/New_York')) as b, to_string(to_datetime('2024-03-10 02:30:00', 'America/New_York')) as c;
-- rows
--   [1730611800, "2024-11-03 01:30:00", "2024-03-10 03:30:00"]

-- query
select to_second(to_datetime64('2024-03-09 12:00:00.999999999', 9)) as a, to_second(to_datetime64('1969-12-31 23:59:58.999999999', 9)) as b;
-- rows
--   [0, 58]
