-- A tail has nothing to hold back: PERIODIC and AFTER WATERMARK on it are errors.
create stream s (v int32);
-- error 80
select v from s emit periodic 1s;
-- error 80
select v from s emit after watermark;
-- error 80
select v from s emit after window close;
