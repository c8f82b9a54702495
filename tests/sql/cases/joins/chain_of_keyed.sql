-- A stream that stands several times in a chain enters it from the last join to the first.
create stream l (id int, v int) primary key id settings mode = 'versioned_kv';
create stream r (id int, v int) primary key id settings mode = 'versioned_kv';

-- query
select a.v, b.v, c.v, _tp_delta
from l as a left join r as b on a.id = b.id left join r as c on a.id = c.id;

insert into l (id, v) values (1, 6);
-- rows
--   [6, 0, 0, 1]
insert into r (id, v) values (1, 8);
-- rows
--   [6, 0, 0, -1]
--   [6, 0, 8, 1]
--   [6, 0, 8, -1]
--   [6, 8, 8, 1]
