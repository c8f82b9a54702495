-- A hop whose slide is its size is a tumble.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, sum(v) from hop(s, 5s, 5s) group by window_start;

insert into s (v, t) values (1, '2020-02-02 20:00:01')(2, '2020-02-02 20:00:04');
insert into s (v, t) values (4, '2020-02-02 20:00:05');
-- rows
--   ["2020-02-02 20:00:00.000", 3]
