-- CREATE OR REPLACE VIEW puts another query in place.
create stream s (a int32);
insert into s (a) values (1);
create view v as select a from table(s);
-- error 57
create view v as select a + 1 as a from table(s);
create or replace view v as select a + 1 as a from table(s);

-- query
select a from v;
-- rows
--   [2]
