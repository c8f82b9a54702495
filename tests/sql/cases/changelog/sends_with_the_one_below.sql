-- Without a policy of its own an aggregate over a global aggregate sends whenever that one does.
create stream s (i int, k string);

-- query
select count(), max(c) from (select k, count() as c from s group by k emit periodic 1s);

insert into s (i, k) values (1, 'a')(2, 'a');
-- wait 1500ms
-- rows
--   [1, 2]

insert into s (i, k) values (3, 'a')(4, 'b');
-- wait 1s
-- rows
--   [2, 3]
