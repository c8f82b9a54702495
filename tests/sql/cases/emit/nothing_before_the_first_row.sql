-- An aggregate over an idle stream sends nothing, not even a row with 0.
create stream s (v int32);

-- query
select count() from s emit periodic 1s;
-- wait 10s
-- no rows
