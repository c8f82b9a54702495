-- With a delay the watermark lags, so that a row slightly out of order still counts.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select sum(v) from session(s, 5s) group by window_start, window_end
emit after watermark with delay 2s;

insert into s (v, t) values (1, '2020-02-02 20:00:03')(2, '2020-02-02 20:00:01')
  (100, '2020-02-02 20:00:00.999')(4, '2020-02-02 20:00:04');
insert into s (v, t) values (8, '2020-02-02 20:00:30');
-- rows
--   [7]
