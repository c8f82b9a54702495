-- Rows of an append stream are joined with the current rows of a keyed stream; only they give rows.
create stream l (i int, k string);
create stream r (j int, k string, kk string) primary key (k, kk) settings mode = 'versioned_kv';
insert into r (j, k, kk) values (1, 'a', 'bb')(1, 'a', 'cc');

-- query
select i, l.k, j, r.k, kk from l left join r on l.k = r.k;

insert into l (i, k) values (1, 'a');
-- rows
--   [1, "a", 1, "a", "bb"]
--   [1, "a", 1, "a", "cc"]

insert into r (j, k, kk) values (2, 'a', 'cc');
-- no rows
insert into l (i, k) values (2, 'a')(3, 'b');
-- rows
--   [2, "a", 1, "a", "bb"]
--   [2, "a", 2, "a", "cc"]
--   [3, "b", 0, "", ""]
