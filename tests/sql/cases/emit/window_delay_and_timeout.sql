-- DELAY with TIMEOUT: late rows are waited for, but not for ever.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from tumble(s, 5s) group by window_start
emit after window close with delay 1s and timeout 2s;

insert into s (v, t) values (1, '2020-02-02 20:00:01')(2, '2020-02-02 20:00:05.500');
-- no rows
insert into s (v, t) values (4, '2020-02-02 20:00:06');
-- rows
--   ["2020-02-02 20:00:00.000", 1]
-- wait 2s
-- rows
--   ["2020-02-02 20:00:05.000", 6]
