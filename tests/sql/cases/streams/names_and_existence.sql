-- Creating a name twice is an error unless IF NOT EXISTS; dropping a missing one unless IF EXISTS.
create stream s (a int32);
-- error 57
create stream s (a int32);
create stream if not exists s (a int32);
-- error 60
drop stream nothing;
drop stream if exists nothing;
-- error 60
rename stream nothing to other;
drop stream s;
-- error 60
select * from table(s);
-- error 36
create stream z (a int32) settings event_time_timezone = 'Mars/Base';
create stream z (a int32) settings event_time_timezone = 'Europe/Berlin';
