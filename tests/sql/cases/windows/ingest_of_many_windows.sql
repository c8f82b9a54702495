-- One append over very many windows: all but the last are sent, oldest first.
create stream s (v int64, t datetime64(3)) settings event_time_column = 't';

-- query
select count(), min(window_start), max(window_start), sum(n) from (
  select window_start, count() as n from tumble(s, 1s) group by window_start) emit on update;
insert into s (v, t) select number, date_add(second, number, to_datetime64('2020-02-02 20:00:00', 3)) from numbers(1001);
-- rows
--   [1000, "2020-02-02 20:00:00.000", "2020-02-02 20:16:39.000", 1000]
