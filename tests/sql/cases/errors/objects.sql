-- A statement about an object that is not there says which, and where its name stands.
create stream s (k string);

-- error 60 'nope' does not exist (line 1, column 13)
drop stream nope;

-- error 60 'nope' does not exist (line 2, column 6)
drop
view nope;

-- error 60 'nope' does not exist (line 1, column 21)
drop stream default.nope;

-- error 60 's' is a stream, not a view: use DROP STREAM (line 1, column 11)
drop view s;

-- error 46 'nope' does not exist (line 1, column 15)
drop function nope;

-- error 60 'nope' does not exist (line 1, column 15)
rename stream nope to other;

-- error 60 'nope' does not exist (line 1, column 17)
truncate stream nope;

-- error 60 'nope' does not exist (line 1, column 14)
alter stream nope add column a int32;

-- error 47 stream s has no column a (line 1, column 14)
alter stream s drop column a;

-- error 60 'nope' does not exist (line 1, column 12)
alter view nope modify query setting checkpoint_interval = 1;

-- error 60 'nope' does not exist (line 1, column 32)
system pause materialized view nope;

-- error 60 'nope' does not exist (line 1, column 13)
delete from nope where true;

-- error 60 stream nope does not exist (line 1, column 13)
insert into nope (k) values ('a');

-- error 60 stream nope does not exist (line 1, column 10)
describe nope;

-- error 60 stream nope does not exist (line 1, column 20)
show create stream nope;

-- error 57 The stream 's' already exists (line 1, column 15)
create stream s (k string);

create view v as select k from s;
-- error 630 it is used by v. Drop those first, or force it (line 1, column 13)
drop stream s;
