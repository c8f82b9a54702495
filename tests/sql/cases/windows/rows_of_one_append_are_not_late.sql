-- Rows of one append cannot make each other late: all are tested against the watermark before it.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from tumble(s, 5s) group by window_start;

insert into s (v, t) values (1, '2020-02-02 20:00:10')(2, '2020-02-02 20:00:01');
-- rows
--   ["2020-02-02 20:00:00.000", 2]
