-- `seek_to='latest'` is the default: new rows only.
create stream s (v int32);
insert into s (v) values (1);

-- query
select v from s settings seek_to = 'latest';
insert into s (v) values (2);
-- rows
--   [2]
