-- A number with more digits than its decimal is an error, not a zero.
create stream s (d decimal(5, 2));
-- error 69
insert into s (d) values (123456.789);
-- error 69
select 99999::decimal(5, 2);
insert into s (d) values (123.456)(-1);

-- query
select d from table(s);
-- rows
--   [123.45]
--   [-1.00]
