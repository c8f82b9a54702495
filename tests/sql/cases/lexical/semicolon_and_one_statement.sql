-- A trailing semicolon is allowed, a second statement is not.
-- error 62
select 1; select 2;
-- error 62
selec 1;
-- error 62
select 1 from;
