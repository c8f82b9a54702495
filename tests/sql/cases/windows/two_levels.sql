-- A window over the result of a window: the inner window_start is the outer time.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
with per_second as (select window_start as ws, sum(v) as x from tumble(s, 1s) group by window_start)
select window_start, max(x), count() from tumble(per_second, ws, 5s) group by window_start;

insert into s (v, t) values (1, '2020-02-02 20:00:00')(2, '2020-02-02 20:00:00');
insert into s (v, t) values (5, '2020-02-02 20:00:03');
insert into s (v, t) values (7, '2020-02-02 20:00:05');
-- no rows
insert into s (v, t) values (9, '2020-02-02 20:00:06');
-- rows
--   ["2020-02-02 20:00:00.000", 5, 2]
