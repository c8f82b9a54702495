-- A type with a zone shows local time; a text without zone given to it is local time as well.
create stream s (a datetime64(3, 'Asia/Shanghai'));
insert into s (a) values ('2020-02-03 04:00:00');

-- query
select a, to_unix_timestamp(a) as b, to_timezone(a, 'UTC') as c from table(s);
-- rows
--   ["2020-02-03 04:00:00.000", 1580673600, "2020-02-02 20:00:00.000"]
