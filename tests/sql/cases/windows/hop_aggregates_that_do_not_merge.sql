-- Aggregates that cannot be merged from panes give the same as others in a hop.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, count_distinct(v), median(v), group_array(v), latest(v)
from hop(s, 2s, 4s) group by window_start;

insert into s (v, t) values (1, '2020-02-02 20:00:00')(3, '2020-02-02 20:00:03')
  (1, '2020-02-02 20:00:02')(8, '2020-02-02 20:00:04');
-- rows
--   ["2020-02-02 19:59:58.000", 1, 1.0, [1], 1]
--   ["2020-02-02 20:00:00.000", 2, 1.0, [1, 3, 1], 1]
