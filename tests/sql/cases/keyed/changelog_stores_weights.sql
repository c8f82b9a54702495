-- A changelog stream keeps the weight of each row; it is 1 unless given, part of `*`, and table() shows what is stored.
create stream c (id int) settings mode = 'changelog';
insert into c (id) values (1)(2);
insert into c (id, _tp_delta) values (1, -1);

-- query
select * except _tp_time from table(c);
-- columns id int32 | _tp_delta int8
-- rows
--   [1, 1]
--   [2, 1]
--   [1, -1]

-- query
select id, _tp_delta from c;
-- no rows

insert into c (id, _tp_delta) values (2, -1);
-- rows
--   [2, -1]
