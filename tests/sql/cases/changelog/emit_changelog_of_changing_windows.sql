-- Windows over a changelog: a group of which nothing is left is only taken back, and comes again later.
create stream p (id int, k string, v int) settings mode = 'changelog';

-- query
select k, max(v), _tp_delta from tumble(p, 1h) group by k, window_start emit changelog on update;

insert into p (id, k, v, _tp_delta) values (1, 'a', 5, 1)(2, 'a', 3, 1);
-- rows
--   ["a", 5, 1]
insert into p (id, k, v, _tp_delta) values (1, 'a', 5, -1);
-- rows
--   ["a", 5, -1]
--   ["a", 3, 1]
insert into p (id, k, v, _tp_delta) values (2, 'a', 3, -1);
-- rows
--   ["a", 3, -1]
insert into p (id, k, v, _tp_delta) values (3, 'a', 7, 1);
-- rows
--   ["a", 7, 1]

-- EMIT CHANGELOG with LAST: the windows that LAST stands for are added when they are over.
create stream s (v int);
-- query
select sum(v), _tp_delta from s emit changelog last 4s periodic 2s;
insert into s (v, _tp_time) values (1, '2026-01-01 00:00:01');
insert into s (v, _tp_time) values (2, '2026-01-01 00:00:02');
-- rows
--   [1, 1]
