-- Aggregates take back values of every type: wide integers, addresses, enums, decimals, NULL.
create stream c (h int256, a ipv4, e enum8('z' = 1, 'a' = 2), d decimal(10, 2), n nullable(int32), g array(int32)) settings mode = 'changelog';

-- query
select sum(h), max(h), min(a), max(e), sum(d), max(d), sum(n), max(n), count(n), group_uniq_array(g), count_distinct(a) from c emit periodic 1s;

insert into c (h, a, e, d, n, g) values ('-5', '9.0.0.1', 'z', 1.5, null, [1])('57896044618658097711785492504343953926634992332820282019728792003956564819967', '10.0.0.1', 'a', 2.25, 7, [2, 3]);
-- wait 1s
-- rows
--   ["57896044618658097711785492504343953926634992332820282019728792003956564819962", "57896044618658097711785492504343953926634992332820282019728792003956564819967", "9.0.0.1", "a", 3.75, 2.25, 7, 7, 1, [[1], [2, 3]], 2]

insert into c (h, a, e, d, n, g, _tp_delta) values ('57896044618658097711785492504343953926634992332820282019728792003956564819967', '10.0.0.1', 'a', 2.25, 7, [2, 3], -1);
-- wait 1s
-- rows
--   ["-5", "-5", "9.0.0.1", "z", 1.50, 1.50, null, null, 0, [[1]], 1]
