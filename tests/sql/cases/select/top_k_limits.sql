-- The size of top_k has a limit.
create stream s (v int32);
-- error 69
select top_k(v, 100000000) from s;
