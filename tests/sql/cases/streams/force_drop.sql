-- `enable_dependency_check=false` drops all the same.
create stream s (a int32);
create view v as select a from s;
drop stream s settings enable_dependency_check = false;
-- error 60
select * from v;
