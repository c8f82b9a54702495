-- seek_to names another beginning of a keyed stream than its current rows; predicates on the time only filter.
create stream v (id int32, n int32) primary key id settings mode = 'versioned_kv';
insert into v (id, n) values (1, 1);
insert into v (id, n) values (1, 2)(2, 2);

-- query
select id, n from v settings seek_to = 'latest';
-- no rows

-- query
select id, n from v settings seek_to = '0';
-- rows
--   [1, 1]
--   [1, 2]
--   [2, 2]

-- query
select id, n from v settings seek_to = 'earliest';
-- rows
--   [1, 2]
--   [2, 2]

-- query
select id, n from v where _tp_time > '2030-01-01 00:00:00' or id = 2;
-- rows
--   [2, 2]

-- query
select id, n from v settings enable_backfill_from_historical_store = 0;
insert into v (id, n) values (3, 3);
-- rows
--   [3, 3]
