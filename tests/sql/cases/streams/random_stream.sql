-- A random stream makes rows by itself: eps a second, as long as somebody reads.
create random stream r (i int32 default 5, k string default 'x') settings eps = 10;

-- query
select i, k from r limit 3;
-- wait 1s
-- rows
--   [5, "x"]
--   [5, "x"]
--   [5, "x"]
-- end
