-- changelog(s, key): the row before of a known key with -1, then the new one with +1.
create stream s (i int, k string);

-- query
select i, k, _tp_delta from changelog(s, i);

insert into s (i, k) values (1, 'a');
-- rows
--   [1, "a", 1]

insert into s (i, k) values (1, 'b')(2, 'c')(1, 'd');
-- rows
--   [1, "a", -1]
--   [1, "b", 1]
--   [2, "c", 1]
--   [1, "b", -1]
--   [1, "d", 1]
