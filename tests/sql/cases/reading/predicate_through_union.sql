-- A predicate on the time of a union rewinds each of its streams.
create stream a (v int32);
create stream b (v int32);
insert into a (v, _tp_time) values (1, '2025-01-01 00:00:00');
insert into b (v, _tp_time) values (2, '2025-01-02 00:00:00');
insert into b (v, _tp_time) values (3, '2024-01-02 00:00:00');

-- query
with u as (select v, _tp_time from a union select v, _tp_time from b)
select v from u where _tp_time >= '2025-01-01 00:00:00';
-- unordered rows
--   [1]
--   [2]

insert into a (v) values (4);
-- rows
--   [4]
