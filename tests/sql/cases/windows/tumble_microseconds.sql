-- Windows may be as fine as the scale of the column.
create stream s (v int32, t datetime64(6));

-- query
select window_start, count() from tumble(s, t, 10us) group by window_start;

insert into s (v, t) values (1, '2020-02-02 20:00:00.000011')(2, '2020-02-02 20:00:00.000019')
  (3, '2020-02-02 20:00:00.000020');
-- rows
--   ["2020-02-02 20:00:00.000010", 2]
