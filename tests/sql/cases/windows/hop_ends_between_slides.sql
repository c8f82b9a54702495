-- The watermark of a hop is the newest end of a window that the time has reached: where the size is
-- no multiple of the slide, ends lie between the starts.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, window_end, sum(v) from hop(s, 2s, 5s) group by window_start, window_end;

insert into s (v, t) values (1, '2020-02-02 20:00:01');
insert into s (v, t) values (2, '2020-02-02 20:00:04.999');
-- rows
--   ["2020-02-02 19:59:58.000", "2020-02-02 20:00:03.000", 1]
insert into s (v, t) values (4, '2020-02-02 20:00:05');
-- rows
--   ["2020-02-02 20:00:00.000", "2020-02-02 20:00:05.000", 3]
insert into s (v, t) values (100, '2020-02-02 20:00:04.999')(8, '2020-02-02 20:00:07');
-- rows
--   ["2020-02-02 20:00:02.000", "2020-02-02 20:00:07.000", 6]
