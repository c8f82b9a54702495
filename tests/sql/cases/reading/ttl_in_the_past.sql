-- A tail that rewinds does not see rows whose TTL is over; rows that come live are all seen.
create stream s (v int32, at datetime64(3, 'UTC')) ttl to_datetime(at) + interval 1 hour;
insert into s (v, at) values (1, '2025-12-31 22:00:00'), (2, '2025-12-31 23:30:00');
insert into s (v, at) values (3, '2025-12-31 21:00:00');

-- query
select v from s settings seek_to = 'earliest';
-- rows
--   [2]
insert into s (v, at) values (4, '2025-12-31 20:00:00');
-- rows
--   [4]
insert into s (v, at) values (5, '2026-01-01 00:00:00');
-- rows
--   [5]
