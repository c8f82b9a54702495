-- The word STREAM after EMIT changes nothing.
create stream s (v int32);

-- query
select sum(v) from s emit stream periodic 1s;

insert into s (v) values (1);
-- wait 1s
-- rows
--   [1]
