-- A watermark clause needs a window.
create stream s (v int32);
-- error 80
select count() from s emit after watermark with delay 1s;
