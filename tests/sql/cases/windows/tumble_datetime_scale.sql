-- Bounds of a window have the type of its time column: whole seconds here.
create stream s (v int32, t datetime);

-- query
select window_start, window_end, count() from tumble(s, t, 5s) group by window_start, window_end;
-- columns window_start datetime | window_end datetime | count() uint64

insert into s (v, t) values (1, '2020-02-02 20:00:01')(2, '2020-02-02 20:00:06');
-- rows
--   ["2020-02-02 20:00:00", "2020-02-02 20:00:05", 1]
