-- Filters, projections, subqueries and UNION pass the weights on to an aggregate above.
create stream c (v int) settings mode = 'changelog';
create stream s (v int);

-- query
select sum(w), count() from (select v * 10 as w from (select v from c where v > 1) union all select v as w from s) emit periodic 1s;

insert into c (v) values (1)(2)(3);
insert into s (v) values (5);
-- wait 1s
-- rows
--   [55, 3]

insert into c (v, _tp_delta) values (2, -1)(1, -1);
-- wait 1s
-- rows
--   [35, 2]
