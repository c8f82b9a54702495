-- A number as `seek_to` is the sequence number of the first append that is read.
create stream s (v int32);
insert into s (v) values (1);
insert into s (v) values (2)(3);
insert into s (v) values (4);

-- query
select v, _tp_sn from s settings seek_to = '1';
-- rows
--   [2, 1]
--   [3, 1]
--   [4, 2]
