-- The star of a join of keyed streams has the weight of the joined row last; that of a side has none.
create stream l (id int, v int) primary key id settings mode = 'versioned_kv';
create stream r (id int, w int) primary key id settings mode = 'changelog_kv';

-- query
with j as (select * from l join r on l.id = r.id)
select j.id, v, w, _tp_delta from j;

insert into l (id, v) values (1, 10);
insert into r (id, w) values (1, 5);
insert into r (id, w, _tp_delta) values (1, 5, -1);
-- rows
--   [1, 10, 5, 1]
--   [1, 10, 5, -1]
