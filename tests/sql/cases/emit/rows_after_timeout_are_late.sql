-- Rows of a window that TIMEOUT closed are late, whatever their time; newer windows go on.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from tumble(s, 5s) group by window_start emit timeout 3s;

insert into s (v, t) values (1, '2020-02-02 20:00:01');
-- wait 3s
-- rows
--   ["2020-02-02 20:00:00.000", 1]
insert into s (v, t) values (2, '2020-02-02 20:00:04');
-- wait 10s
-- no rows
insert into s (v, t) values (4, '2020-02-02 20:00:05');
-- wait 3s
-- rows
--   ["2020-02-02 20:00:05.000", 4]
