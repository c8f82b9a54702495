-- When the left side of an enrichment ends, so does the query.
create stream l (i int);
create stream r (i int, v string) primary key i settings mode = 'versioned_kv';
insert into r (i, v) values (1, 'x');

-- query
select a.i, r.v from (select i from l limit 2) as a left join r on a.i = r.i;

insert into l (i) values (1)(2)(3);
-- rows
--   [1, "x"]
--   [2, ""]
-- end
