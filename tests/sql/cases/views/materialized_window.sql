-- A windowed materialized view keeps each window once it is closed; a window over it goes on.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
create materialized view per_second as
  select window_start as at, sum(v) as total from tumble(s, 1s) group by window_start;

-- query
select at, total from per_second;
insert into s (v, t) values (1, '2020-02-02 20:00:00')(2, '2020-02-02 20:00:00.500');
-- no rows

insert into s (v, t) values (4, '2020-02-02 20:00:02');
-- rows
--   ["2020-02-02 20:00:00.000", 3]
