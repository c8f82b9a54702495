-- DISTINCT over a changelog: a row goes when the last row equal to it is gone.
create stream people (id int, city string) primary key id settings mode = 'versioned_kv';
create stream log (city string) settings mode = 'changelog';

-- query
select distinct city, _tp_delta from people emit changelog;
insert into people (id, city) values (1, 'Rome')(2, 'Rome')(3, 'Bonn');
-- rows
--   ["Rome", 1]
--   ["Bonn", 1]
insert into people (id, city) values (1, 'Oslo');
-- rows
--   ["Oslo", 1]
-- the last one in Rome moves; an append that changes nothing sends nothing
insert into people (id, city) values (2, 'Oslo');
-- rows
--   ["Rome", -1]
insert into people (id, city) values (2, 'Oslo');
-- no rows

-- query
select count() from (select distinct city from people) emit on update;
-- rows
--   [2]
insert into people (id, city) values (3, 'Oslo');
-- rows
--   [1]

-- query
select distinct city, _tp_delta from log;
insert into log (city, _tp_delta) values ('a', 1)('a', 1)('b', 1);
-- rows
--   ["a", 1]
--   ["b", 1]
insert into log (city, _tp_delta) values ('b', -1)('a', -1);
-- rows
--   ["b", -1]
insert into log (city, _tp_delta) values ('b', 1)('a', -1);
-- rows
--   ["b", 1]
--   ["a", -1]

-- query
select distinct city from people;
-- rows
--   ["Oslo"]
insert into people (id, city) values (9, 'Bari');
-- rows
--   ["Bari"]

-- error 80 add _tp_delta to the select list
select distinct city from log;
