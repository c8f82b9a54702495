-- Long, quoted and short intervals are the same; `m` is a minute and `M` a month.
-- query
select to_datetime('2020-01-31 00:00:00') + interval 5 second as a,
  to_datetime('2020-01-31 00:00:00') + INTERVAL '10' MINUTE as b,
  to_datetime('2020-01-31 00:00:00') + 2h as c,
  to_datetime('2020-01-31 00:00:00') + 3m as d,
  to_datetime('2020-01-31 00:00:00') + 1M as e,
  to_datetime('2020-01-31 00:00:00') - 1d as f,
  to_datetime('2020-01-31 00:00:00') + 1q as g,
  to_datetime('2020-01-31 00:00:00') + 1y as h,
  to_datetime('2020-01-31 00:00:00') + 1w as i;
-- rows
--   ["2020-01-31 00:00:05", "2020-01-31 00:10:00", "2020-01-31 02:00:00", "2020-01-31 00:03:00", "2020-02-29 00:00:00", "2020-01-30 00:00:00", "2020-04-30 00:00:00", "2021-01-31 00:00:00", "2020-02-07 00:00:00"]
