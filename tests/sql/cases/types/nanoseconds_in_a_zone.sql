-- Nanoseconds are kept whatever the zone is, and before 1970 as after it.
create stream s (a datetime64(9, 'Asia/Tokyo'), b datetime64(9));
insert into s (a, b) values ('2020-02-03 04:00:00.123456789', '2020-02-03 04:00:00.123456789');
insert into s (a, b) values ('1960-02-03 04:00:59.999999999', '1960-02-03 04:00:59.999999999');

-- query
select a, to_string(a) as t, b from table(s);
-- rows
--   ["2020-02-03 04:00:00.123456789", "2020-02-03 04:00:00.123456789", "2020-02-03 04:00:00.123456789"]
--   ["1960-02-03 04:00:59.999999999", "1960-02-03 04:00:59.999999999", "1960-02-03 04:00:59.999999999"]

-- query
select to_datetime64('2020-02-03 04:00:00.123456789', 9, 'Asia/Tokyo')::string as text,
  to_date(a) as d, format_datetime(a, '%i:%S') as f from table(s);
-- rows
--   ["2020-02-03 04:00:00.123456789", "2020-02-03", "00:00"]
--   ["2020-02-03 04:00:00.123456789", "1960-02-03", "00:59"]
