-- ON UPDATE over a changelog: the groups that an append changed and that are still there.
create stream c (k string, v int) settings mode = 'changelog';

-- query
select k, count(), sum(v) from c group by k emit on update;

insert into c (k, v) values ('a', 1)('b', 2);
-- rows
--   ["a", 1, 1]
--   ["b", 1, 2]

insert into c (k, v, _tp_delta) values ('a', 1, -1);
insert into c (k, v) values ('b', 4)('a', 9);
-- rows
--   ["b", 2, 6]
--   ["a", 1, 9]
