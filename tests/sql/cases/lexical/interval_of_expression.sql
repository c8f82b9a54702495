-- The number of an interval may be an expression.
-- query
select to_datetime('2024-01-01 00:00:00') + interval 7 % 4 second as a, to_datetime('2024-01-01 00:00:00') - interval length('abc') * 2 minute as b, now() + interval rand() % 100 second >= now() as c;
-- rows
--   ["2024-01-01 00:00:03", "2023-12-31 23:54:00", true]
