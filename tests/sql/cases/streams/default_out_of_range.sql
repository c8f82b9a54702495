-- A constant default that its column cannot hold is refused, not wrapped.
-- error 69
create stream s (a int8 default 300);
-- error 69
create stream s (a uint16 default -1);
-- error 69
create stream s (a int32 default 1.5);
create stream s (a int8 default 127, b int32 default 2.0, k int32);
insert into s (k) values (1);

-- query
select a, b, k from table(s);
-- rows
--   [127, 2, 1]
