-- dedup lets the first row of every key pass, over all appends.
create stream s (i int32, k string);

-- query
select i, k from dedup(s, k);
insert into s (i, k) values (1, 'a')(2, 'b')(3, 'a');
insert into s (i, k) values (4, 'b')(5, 'c');
-- rows
--   [1, "a"]
--   [2, "b"]
--   [5, "c"]

-- query
select i from dedup(s, i % 2, k) where i > 1;
insert into s (i, k) values (1, 'a')(3, 'a')(2, 'a')(5, 'b');
-- rows
--   [2]
--   [5]
