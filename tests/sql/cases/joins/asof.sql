-- ASOF takes the closest row that satisfies the inequality, out of the last keep_versions of a key.
create stream l (i int, k string);
create stream r (j int, kk string);

-- query
select i, k, j, kk from l asof join r on k = kk and i <= j settings keep_versions = 3;

insert into r (j, kk) values (1, 'a')(2, 'a')(3, 'a')(4, 'a');
insert into l (i, k) values (1, 'a')(3, 'a')(5, 'a')(1, 'b');
-- rows
--   [1, "a", 2, "a"]
--   [3, "a", 3, "a"]
