-- A changelog on the right of an enrichment: rows that were taken back are no longer joined.
create stream l (i int, k string);
create stream r (ii int, kk string) settings mode = 'changelog';

-- query
select i, kk from l join r on i = ii;

insert into r (ii, kk) values (1, 'a')(1, 'b')(1, 'a');
insert into l (i, k) values (1, 'x');
-- rows
--   [1, "a"]
--   [1, "a"]
--   [1, "b"]
insert into r (ii, kk, _tp_delta) values (1, 'a', -1);
insert into l (i, k) values (1, 'x');
-- rows
--   [1, "a"]
--   [1, "b"]
