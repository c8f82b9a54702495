-- A wrong number of arguments.
create stream s (v int32);
-- error 42
select sum(v, v, v) from s;
-- error 42
select lower() from s;
