-- A window over a subquery with a join sees the rows that the subquery gives: neither those without
-- a partner nor those that its WHERE drops move the watermark.
create stream s (id string, v int, t datetime64(3)) settings event_time_column = 't';
create stream d (id string, kind string);
insert into d (id, kind) values ('a', 'roof')('b', 'wall');

-- query
with j as (select s.id, s.t, d.kind from s join table(d) as d on s.id = d.id where d.kind = 'roof')
select id, count(), window_start from tumble(j, t, 5s) group by id, window_start;

insert into s (id, v, t) values ('a', 1, '2020-02-02 20:00:01');
insert into s (id, v, t) values ('nobody', 1, '2020-02-02 20:00:06');
-- no rows
insert into s (id, v, t) values ('b', 1, '2020-02-02 20:00:06');
-- no rows
insert into s (id, v, t) values ('a', 1, '2020-02-02 20:00:05');
-- rows
--   ["a", 1, "2020-02-02 20:00:00.000"]
