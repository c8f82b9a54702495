-- The same on a stream: WHERE may name an alias.
create stream s (v int32);

-- query
select v * 2 as w, w + 1 as x from s where x > 4;
insert into s (v) values (1)(2);
-- rows
--   [4, 5]
