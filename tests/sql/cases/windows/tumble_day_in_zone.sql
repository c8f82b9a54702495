-- Days of a zone begin at its midnight: 2020-02-03 in Shanghai begins at 16:00 UTC.
create stream s (v int32, t datetime64(3, 'UTC')) settings event_time_column = 't';

-- query
select to_unix_timestamp(window_start), sum(v) from tumble(s, t, 1d, 'Asia/Shanghai')
group by window_start;

insert into s (v, t) values (1, '2020-02-02 15:59:59')(2, '2020-02-02 16:00:00')
  (4, '2020-02-03 15:59:59')(8, '2020-02-03 16:00:00');
-- rows
--   [1580572800, 1]
--   [1580659200, 6]
