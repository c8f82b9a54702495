-- EMIT LAST i on a global aggregate: each period, the aggregate of the rows of the last i.
create stream s (v int32);

-- query
select sum(v) from s emit last 4s periodic 2s;

insert into s (v) values (1);
-- wait 2s
insert into s (v) values (2);
-- rows
--   [1]
-- wait 2s
insert into s (v) values (4);
-- rows
--   [3]
-- wait 2s
insert into s (v) values (8);
-- rows
--   [6]
