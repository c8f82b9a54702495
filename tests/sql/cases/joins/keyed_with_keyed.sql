-- A join of two keyed streams is a changelog: an update takes joined rows back and sends new ones.
create stream l (id int, v int) primary key id settings mode = 'versioned_kv';
create stream r (id int, w int) primary key id settings mode = 'versioned_kv';

-- query
select l.id, v, w, _tp_delta from l left join r on l.id = r.id;

insert into l (id, v) values (1, 10)(2, 20);
-- rows
--   [1, 10, 0, 1]
--   [2, 20, 0, 1]

insert into r (id, w) values (1, 7);
-- rows
--   [1, 10, 0, -1]
--   [1, 10, 7, 1]

insert into r (id, w) values (1, 8);
-- rows
--   [1, 10, 7, -1]
--   [1, 10, 8, 1]

insert into l (id, v) values (1, 11);
-- rows
--   [1, 10, 8, -1]
--   [1, 11, 8, 1]
