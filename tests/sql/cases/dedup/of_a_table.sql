-- Over stored rows the first of each key in order of arrival.
create stream s (i int32, k string);
insert into s (i, k) values (1, 'a')(2, 'b');
insert into s (i, k) values (3, 'a')(4, 'c');

-- query
select i, k from dedup(table(s), k);
-- rows
--   [1, "a"]
--   [2, "b"]
--   [4, "c"]
-- end
