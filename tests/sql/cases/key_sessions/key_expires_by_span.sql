-- AFTER KEY EXPIRE sends a key once, when its times span MAXSPAN; then the key begins anew.
create stream s (id string, v int32, t datetime64(3));

-- query
select id, count(), sum(v) from s group by id emit after key expire identified by t with maxspan 500ms;
insert into s (id, v, t) values ('a', 1, '2025-01-01 00:00:00.000')('b', 1, '2025-01-01 00:00:00.000')('a', 2, '2025-01-01 00:00:00.400');
-- no rows
insert into s (id, v, t) values ('a', 4, '2025-01-01 00:00:00.500')('b', 1, '2025-01-01 00:00:00.100');
-- rows
--   ["a", 3, 7]
insert into s (id, v, t) values ('a', 8, '2025-01-01 00:00:01.000')('a', 9, '2025-01-01 00:00:00.100');
-- rows
--   ["a", 2, 17]
