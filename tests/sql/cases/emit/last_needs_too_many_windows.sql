-- LAST over PERIODIC may not make more than max_windows windows.
create stream s (v int32);
-- error 62
select sum(v) from s emit last 1h periodic 1s;
-- error 62
select sum(v) from s emit last 10s periodic 1s settings max_windows = 5;
