-- A setting that does not exist, or whose value it cannot have, is refused where it stands.
create stream s (v int32);
create materialized view m as select v from s;

-- error 36 setting query_mode must be 'table' or 'streaming' (line 1, column 26)
select v from s settings query_mode = 'bogus';
-- error 36 setting max_hot_keys must be a whole number of 64 bits (line 1, column 26)
select v from s settings max_hot_keys = 'x';
-- error 36 setting recovery_policy must be 'strict' or 'best_effort' (line 1, column 57)
create materialized view m2 as select v from s settings recovery_policy = 'x';
-- error 36 setting recovery_policy must be 'strict' or 'best_effort' (line 1, column 12)
alter view m modify query setting recovery_policy = 'x';
-- error 36 setting checkpoint_interval must be a whole number
alter view m modify query setting checkpoint_interval = 'x';
-- error 115 a materialized view has no setting nope (line 1, column 12)
alter view m reset query setting nope;
alter view m modify query setting checkpoint_interval = 2, recovery_policy = 'best_effort';
alter view m reset query setting checkpoint_interval;

-- error 115 DROP has no setting bogus (line 1, column 13)
drop view m settings bogus = 1;
-- error 115 DROP has no setting bogus (line 2, column 3)
drop stream s
  settings enable_dependency_check = false, bogus = 1;
insert into s (v) values (1);
-- query
select v from table(m);
-- rows
--   [1]
