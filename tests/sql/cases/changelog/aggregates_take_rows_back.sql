-- An aggregate over a changelog takes a row with _tp_delta -1 back; a group without rows is gone.
create stream c (k string, v int) settings mode = 'changelog';

-- query
select k, count(), sum(v), avg(v), min(v), max(v), min(k), latest(v), group_array(v) from c group by k emit periodic 1s;

insert into c (k, v) values ('a', 3)('a', 1)('b', 7)('a', 2);
-- wait 1s
-- rows
--   ["a", 3, 6, 2, 1, 3, "a", 2, [3, 1, 2]]
--   ["b", 1, 7, 7, 7, 7, "b", 7, [7]]

insert into c (k, v, _tp_delta) values ('a', 1, -1)('b', 7, -1);
-- wait 1s
-- rows
--   ["a", 2, 5, 2.5, 2, 3, "a", 2, [3, 2]]

insert into c (k, v, _tp_delta) values ('b', 9, 1)('a', 3, -1)('a', 2, -1);
-- wait 1s
-- rows
--   ["b", 1, 9, 9, 9, 9, "b", 9, [9]]
