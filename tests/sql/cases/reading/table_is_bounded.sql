-- table(s) is the rows of this moment, then the query ends.
create stream s (v int32);
insert into s (v) values (1)(2);

-- query
select v from table(s);
-- end
insert into s (v) values (3);
-- rows
--   [1]
--   [2]
