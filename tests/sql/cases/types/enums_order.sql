-- Enums are compared and ordered by number, not by name.
create stream s (e enum8('low' = 1, 'mid' = 2, 'high' = 3));

-- query
select min(e) as a, max(e) as b from s emit on update;

insert into s (e) values ('mid')('high')('low');
-- rows
--   ["low", "high"]

-- query
select distinct e, e < 'high' as below from table(s) order by e desc;
-- rows
--   ["high", false]
--   ["mid", true]
--   ["low", true]
