-- row_number counts rows from 0; neighbor looks back by a negative offset.
create stream s (v int32);

-- query
select v, row_number() as n, neighbor(v, -1), neighbor(v, -3, 7) from s;
insert into s (v) values (10)(20);
insert into s (v) values (30)(40);
-- rows
--   [10, 0, 0, 7]
--   [20, 1, 10, 7]
--   [30, 2, 20, 7]
--   [40, 3, 30, 10]
