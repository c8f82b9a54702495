-- A sum of intervals is in the finer unit of both; months and days have none in common.
-- query
select 5m + 3s as a, 1d + 2h as b, 1y + 2M as c, 2s - 5m as d, 1w + 1d as e, 1s + 5ms as f;
-- columns a interval_second | b interval_hour | c interval_month | d interval_second | e interval_day | f interval_millisecond
-- rows
--   [303, 26, 14, -298, 8, 1005]
-- end

-- query
select to_date('2026-01-01') + (1d + 2h) as a, to_datetime64('2026-01-01 00:00:00', 9) + (1s + 5ns) as b;
-- rows
--   ["2026-01-02 02:00:00", "2026-01-01 00:00:01.000000005"]
-- end

-- query
select to_datetime('2026-01-31 00:00:00') + 1M + 1d;
-- rows
--   ["2026-03-01 00:00:00"]
-- end
-- error 43
select 1M + 1d;
