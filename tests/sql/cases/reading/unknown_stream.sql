-- Unknown names have their own codes.
create stream s (v int32);
-- error 60
select * from nothing;
-- error 60
select * from table(nothing);
-- error 47
select w from s;
-- error 47
select v from s where s.w = 1;
-- error 46
select no_such_function(v) from s;
