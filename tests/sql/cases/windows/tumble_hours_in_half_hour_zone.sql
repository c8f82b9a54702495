-- Hours of a zone with an offset of half hours begin at half past.
create stream s (v int32, t datetime64(3, 'UTC')) settings event_time_column = 't';

-- query
select to_unix_timestamp(window_start) % 3600, sum(v) from tumble(s, t, 1h, 'Asia/Kolkata')
group by window_start;

insert into s (v, t) values (1, '2020-02-02 10:29:59')(2, '2020-02-02 10:30:00')
  (4, '2020-02-02 11:29:59')(8, '2020-02-02 11:30:00');
-- rows
--   [1800, 1]
--   [1800, 6]
