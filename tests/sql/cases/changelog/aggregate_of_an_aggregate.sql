-- A global aggregate over a global aggregate sees its groups as they are, not every row sent.
create stream s (i int, k string);

-- query
select count(), sum(c) from (select k, count() as c from changelog(s, i) group by k emit periodic 1s) emit periodic 1s;

insert into s (i, k) values (1, 'a')(2, 'a');
-- wait 2500ms
-- rows
--   [1, 2]

insert into s (i, k) values (1, 'b');
-- wait 3s
-- rows
--   [2, 2]

insert into s (i, k) values (2, 'b');
-- wait 3s
-- rows
--   [1, 2]
