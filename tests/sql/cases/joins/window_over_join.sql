-- The watermark of a window is taken at the source: a row that the join drops still closes windows.
create stream s (id string, v int, t datetime64(3)) settings event_time_column = 't';
create stream d (id string, kind string);
insert into d (id, kind) values ('a', 'roof')('b', 'wall');

-- query
select s.id, d.kind, max(v), window_start from tumble(s, 5s) as s join table(d) as d on s.id = d.id
where d.kind = 'roof' group by s.id, d.kind, window_start;

insert into s (id, v, t) values ('a', 1, '2020-02-02 20:00:01')('a', 7, '2020-02-02 20:00:02')
  ('b', 9, '2020-02-02 20:00:02');
-- no rows

insert into s (id, v, t) values ('unknown', 3, '2020-02-02 20:00:06');
-- rows
--   ["a", "roof", 7, "2020-02-02 20:00:00.000"]

insert into s (id, v, t) values ('a', 100, '2020-02-02 20:00:03')('a', 4, '2020-02-02 20:00:08');
-- no rows

insert into s (id, v, t) values ('unknown', 3, '2020-02-02 20:00:10');
-- rows
--   ["a", "roof", 4, "2020-02-02 20:00:05.000"]
