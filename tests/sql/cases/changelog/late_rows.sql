-- changelog(s, key, version, true) drops rows whose version is smaller than the current one's.
create stream s (i int, v int, k string);

-- query
select i, v, k, _tp_delta from changelog(s, i, v, true) where k != 'hidden';

insert into s (i, v, k) values (1, 5, 'a')(1, 4, 'late')(1, 5, 'same');
-- rows
--   [1, 5, "a", 1]
--   [1, 5, "a", -1]
--   [1, 5, "same", 1]

insert into s (i, v, k) values (1, 3, 'late')(2, 1, 'b');
-- rows
--   [2, 1, "b", 1]

insert into s (i, v, k) values (2, 0, 'late')(2, 9, 'c')(2, 8, 'late');
-- rows
--   [2, 1, "b", -1]
--   [2, 9, "c", 1]
