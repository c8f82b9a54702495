-- changelog() of a view that aggregates: each emission replaces the rows before by key.
create stream s (k string, v int);
create view w as select k, sum(v) as total from s group by k emit periodic 1s;

-- query
select k, total, _tp_delta from changelog(w, k);

insert into s (k, v) values ('a', 1)('b', 2);
-- wait 1s
-- rows
--   ["a", 1, 1]
--   ["b", 2, 1]

insert into s (k, v) values ('a', 4);
-- wait 1s
-- rows
--   ["a", 1, -1]
--   ["a", 5, 1]
--   ["b", 2, -1]
--   ["b", 2, 1]
