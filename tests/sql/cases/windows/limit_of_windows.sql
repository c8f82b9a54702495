-- LIMIT on windows counts rows over all emits, then the query ends.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from tumble(s, 1s) group by window_start limit 2;
insert into s (v, t) values (1, '2020-02-02 20:00:00')(2, '2020-02-02 20:00:01');
insert into s (v, t) values (4, '2020-02-02 20:00:02')(8, '2020-02-02 20:00:03');
insert into s (v, t) values (4, '2020-02-02 20:00:09');
-- rows
--   ["2020-02-02 20:00:00.000", 1]
--   ["2020-02-02 20:00:01.000", 2]
-- end
