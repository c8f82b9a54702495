-- eps rows a second; a window over a random stream is one of time.
create random stream r (i int32 default rand() % 3) settings eps = 100;

-- query
select window_start, count() >= 99 and count() <= 100 as rate, max(i) < 3 from tumble(r, 1s) group by window_start limit 2;
-- wait 3500ms
-- rows
--   ["2026-01-01 00:00:00.000", true, true]
--   ["2026-01-01 00:00:01.000", true, true]
-- end
