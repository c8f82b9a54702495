-- A column that is neither aggregated nor grouped is an error.
create stream s (k string, v int32);
-- error 215
select k, count() from s;
-- error 215
select k, v, count() from s group by k;
-- error 215
select k, v, count() from table(s) group by k;
