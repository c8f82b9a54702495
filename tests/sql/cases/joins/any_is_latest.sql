-- ANY is another word for LATEST, OUTER may follow LEFT, and all equalities of ON must hold.
create stream a (i int, k string);
create stream v (i int, k string, name string) primary key name settings mode = 'versioned_kv';

-- query
select a.i, name from a left any join v on a.k = v.k;
insert into v (i, k, name) values (1, 'x', 'one')(2, 'x', 'two');
insert into a (i, k) values (7, 'x')(8, 'y');
-- rows
--   [7, "two"]
--   [8, ""]

-- query
select a.i, name from a left outer join v on a.k = v.k and a.i = v.i;
insert into a (i, k) values (1, 'x')(3, 'x');
-- rows
--   [1, "one"]
--   [3, ""]
