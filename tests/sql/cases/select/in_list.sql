-- IN with a list, NOT IN, and IN of a tuple.
create stream s (v int32, k string);

-- query
select v from s where k in ('a', 'b') and v not in (2, 3) and (v, k) in ((1, 'a'), (4, 'z'));
insert into s (v, k) values (1, 'a')(2, 'b')(4, 'a');
-- rows
--   [1]
