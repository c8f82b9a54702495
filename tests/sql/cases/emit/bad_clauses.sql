-- Clauses that are no policy, and policies that do not fit, are refused.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';
-- error 62
select count() from s emit periodic;
-- error 62
select count() from s emit sometimes;
-- error 80
select v, count() from s group by v emit changelog;
