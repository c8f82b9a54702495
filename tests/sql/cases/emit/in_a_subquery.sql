-- Each SELECT has its own policy; a subquery may have one too.
create stream s (v int32);

-- query
select n * 10 as tens from (select count() as n from s emit periodic 1s);

insert into s (v) values (1);
-- no rows
-- wait 1s
-- rows
--   [10]
