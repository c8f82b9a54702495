-- In date_add and date_sub with two arguments a column may be called like a unit.
create stream s (d datetime, h datetime);
insert into s (d, h) values ('2024-02-28 00:00:00', '2024-02-28 00:00:00');

-- query
select to_string(date_add(d, interval 1 day)) as a, to_string(date_sub(h, 1d)) as b from table(s);
-- rows
--   ["2024-02-29 00:00:00", "2024-02-27 00:00:00"]
