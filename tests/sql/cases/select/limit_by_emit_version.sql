-- LIMIT n BY emit_version(): the first n rows of each emit.
create stream s (k string);

-- query
select k, count() as n, emit_version() from s group by k order by n desc
limit 1 by emit_version() emit periodic 1s;
insert into s (k) values ('a')('b')('b');
-- wait 1s
-- rows
--   ["b", 2, 0]
insert into s (k) values ('a')('a');
-- wait 1s
-- rows
--   ["a", 3, 1]
