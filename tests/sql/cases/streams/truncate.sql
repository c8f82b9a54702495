-- TRUNCATE takes the rows and keeps the stream, its views and the numbering.
create stream s (a int32);
create view v as select * from s;
insert into s (a) values (1), (2);
truncate stream s;

-- query
select count() from table(s);
-- rows
--   [0]
insert into s (a) values (3);

-- query
select a, _tp_sn from table(s);
-- rows
--   [3, 1]

-- query
select a from v where _tp_time > earliest_ts() limit 1;
-- rows
--   [3]
truncate stream if exists nothing;
-- error 60
truncate stream nothing;
-- error 48
truncate stream v;
-- error 62
truncate s;
