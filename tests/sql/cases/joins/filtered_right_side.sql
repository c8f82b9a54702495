-- A right row that no longer passes the filter of its subquery is no longer joined.
create stream l (i int);
create stream r (i int, v int) primary key i settings mode = 'versioned_kv';

-- query
select l.i, a.v from l left join (select i, v from r where v > 5) as a on l.i = a.i;

insert into r (i, v) values (1, 9);
insert into l (i) values (1);
-- rows
--   [1, 9]
insert into r (i, v) values (1, 3);
insert into l (i) values (1);
-- rows
--   [1, 0]
