-- User functions may stand in ON of a join of streams and in the time of a window.
create function folded(k string) returns string language javascript as $$
  function folded(keys) { return keys.map(k => k.toLowerCase()); }
$$;
create function later(t datetime64(3)) returns datetime64(3) language javascript as $$
  function later(times) { return times.map(t => new Date(t.getTime() + 60000)); }
$$;
create stream orders (id string, item string, at datetime64(3)) settings event_time_column = 'at';
create stream places (id string, place string) primary key id settings mode = 'versioned_kv';
insert into places (id, place) values ('A', 'Rome')('b', 'Oslo');

-- query
select item, place from orders left join places on folded(orders.id) = folded(places.id);
insert into orders (id, item, at) values ('a', 'lamp', '2026-01-01')('B', 'chair', '2026-01-01')('c', 'rug', '2026-01-01');
-- rows
--   ["lamp", "Rome"]
--   ["chair", "Oslo"]
--   ["rug", ""]

-- query
select item, place from orders join table(places) as p on folded(orders.id) = folded(concat(p.id, ''));
insert into orders (id, item, at) values ('B', 'table', '2026-01-01');
-- rows
--   ["table", "Oslo"]

-- query
select a.item, b.item, later(a.at) from orders as a join orders as b
on folded(a.id) = b.id and date_diff_within(10s, later(a.at), later(b.at)) where folded(b.item) != 'x';
insert into orders (id, item, at) values ('a', 'bed', '2026-01-01')('A', 'desk', '2026-01-01 00:00:05');
-- rows
--   ["bed", "bed", "2026-01-01 00:01:00.000"]
--   ["desk", "bed", "2026-01-01 00:01:05.000"]

-- query
select folded(id) as k, count(), max(folded(item)), window_start from tumble(orders, later(at), 5s)
group by k, window_start;
insert into orders (id, item, at) values ('a', 'BED', '2026-01-02')('A', 'desk', '2026-01-02 00:00:05');
-- rows
--   ["a", 1, "bed", "2026-01-02 00:01:00.000"]

-- query
select count(), window_start, window_end from tumble(table(orders), later(at), 1d) group by window_start, window_end
order by window_start limit 1;
-- rows
--   [6, "2026-01-01 00:00:00.000", "2026-01-02 00:00:00.000"]

-- query
select sum(1), window_start, window_end from session(orders, later(at), 1s, [folded(item) = 'go', folded(item) = 'stop'])
group by window_start, window_end;
insert into orders (id, item, at) values ('a', 'x', '2026-01-03')('a', 'GO', '2026-01-03')('a', 'STOP', '2026-01-03');
-- rows
--   [2, "2026-01-03 00:01:00.000", "2026-01-03 00:01:00.001"]

-- error 48 declare it for an array
select array_map(x -> folded(x), ['A']) from orders;
