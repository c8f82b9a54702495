-- When the last match of a left row is gone, its row of defaults comes back.
create stream l (id int, v int) settings mode = 'changelog';
create stream r (id int, w int) primary key id settings mode = 'changelog_kv';

-- query
select l.id, v, w, _tp_delta from l left join r on l.id = r.id;

insert into l (id, v) values (1, 10);
-- rows
--   [1, 10, 0, 1]
insert into r (id, w) values (1, 7);
-- rows
--   [1, 10, 0, -1]
--   [1, 10, 7, 1]
insert into r (id, w, _tp_delta) values (1, 7, -1);
-- rows
--   [1, 10, 7, -1]
--   [1, 10, 0, 1]
insert into l (id, v, _tp_delta) values (1, 10, -1);
-- rows
--   [1, 10, 0, -1]
