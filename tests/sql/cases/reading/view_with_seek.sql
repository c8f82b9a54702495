-- Settings of the query reach the streams below a view.
create stream s (v int32);
create view w as select v * 2 as d from s;
insert into s (v) values (1);

-- query
select d from w settings seek_to = 'earliest';
-- rows
--   [2]
