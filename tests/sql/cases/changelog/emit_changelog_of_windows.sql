-- EMIT CHANGELOG of a window aggregation without an interval: a window is over when it is sent, so it is only added.
create stream s (k string, v int, t datetime64(3)) settings event_time_column = 't';
create stream sums (k string, total int64, at datetime64(3)) primary key (k, at) settings mode = 'changelog_kv';
create materialized view mv into sums as
  select k, sum(v) as total, window_start as at, _tp_delta from tumble(s, 5s) group by k, window_start emit changelog;

-- query
select k, sum(v), window_start, _tp_delta from tumble(s, 5s) group by k, window_start emit changelog;

insert into s (k, v, t) values ('a', 1, '2026-01-01 00:00:01')('b', 2, '2026-01-01 00:00:02');
insert into s (k, v, t) values ('a', 4, '2026-01-01 00:00:05');
-- rows
--   ["a", 1, "2026-01-01 00:00:00.000", 1]
--   ["b", 2, "2026-01-01 00:00:00.000", 1]

-- query
select k, total from table(sums) order by k;
-- rows
--   ["a", 1]
--   ["b", 2]

-- query
select max(total), _tp_delta from (
  select k, sum(v) as total, window_start from tumble(s, 5s) group by k, window_start emit changelog
) emit changelog on update;
insert into s (k, v, t) values ('a', 1, '2026-01-01 00:01:01')('b', 2, '2026-01-01 00:01:02');
insert into s (k, v, t) values ('a', 9, '2026-01-01 00:01:05');
-- rows
--   [2, 1]
insert into s (k, v, t) values ('a', 1, '2026-01-01 00:01:10');
-- rows
--   [2, -1]
--   [9, 1]

-- error 80 add _tp_delta to the select list
select k, sum(v) from tumble(s, 5s) group by k, window_start emit changelog;
