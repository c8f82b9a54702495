-- ASOF with a table sees all of its rows; a changelog on the left keeps its weights.
create stream l (k string, t int) settings mode = 'changelog';
create stream r (k string, t int, price int);
insert into r (k, t, price) values ('a', 1, 10)('a', 5, 50)('a', 9, 90)('a', 20, 200)('a', 30, 300);

-- query
select l.t, r.t, price, _tp_delta from l left asof join table(r) as r on l.k = r.k and l.t >= r.t;

insert into l (k, t) values ('a', 6)('a', 0);
-- rows
--   [6, 5, 50, 1]
--   [0, 0, 0, 1]
insert into l (k, t, _tp_delta) values ('a', 6, -1);
-- rows
--   [6, 5, 50, -1]
