-- The branches of if(), and the elements of an array, need a common type.
-- error 386
select if(1 = 1, 'a', 2);
-- error 386
select case when 1 = 1 then 'a' else 2 end;
-- error 386
select [1, 'a'];
