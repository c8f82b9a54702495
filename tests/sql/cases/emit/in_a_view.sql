-- A view may carry its policy.
create stream s (v int32);
create view counted as select count() as n from s emit periodic 1s;

-- query
select n from counted;

insert into s (v) values (1)(2);
-- wait 1s
-- rows
--   [2]
