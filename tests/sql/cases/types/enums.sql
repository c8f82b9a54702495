-- Enums take and show their names.
create stream s (e enum8('red' = 1, 'green' = 2));
insert into s (e) values ('green');

-- query
select e, e = 'green' as is_green from table(s);
-- rows
--   ["green", true]
