-- `seek_to='earliest'` reads the past first, then goes on live.
create stream s (v int32);
insert into s (v) values (1);
insert into s (v) values (2);

-- query
select v, _tp_sn from s settings seek_to = 'earliest';
-- rows
--   [1, 0]
--   [2, 1]
insert into s (v) values (3);
-- rows
--   [3, 2]
