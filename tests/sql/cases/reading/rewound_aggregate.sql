-- A global aggregate over the past: one result at the first period, not one for each append.
create stream s (v int32);
insert into s (v) values (1);
insert into s (v) values (2);

-- query
select count(), sum(v) from s emit periodic 1s settings seek_to = 'earliest';
-- no rows
insert into s (v) values (3);
-- wait 1s
-- rows
--   [3, 6]
