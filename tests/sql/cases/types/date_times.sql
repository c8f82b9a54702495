-- Date-times show exactly the digits of their scale.
create stream s (a datetime, b datetime64(3), c datetime64(6), d date, e datetime64(0));
insert into s (a, b, c, d, e) values ('2020-02-02 20:00:00', '2020-02-02 20:00:00.1',
  '2020-02-02 20:00:00.123456', '2020-02-02', '2020-02-02 20:00:00');

-- query
select a, b, c, d, e, to_string(b) as f from table(s);
-- rows
--   ["2020-02-02 20:00:00", "2020-02-02 20:00:00.100", "2020-02-02 20:00:00.123456", "2020-02-02", "2020-02-02 20:00:00", "2020-02-02 20:00:00.100"]
