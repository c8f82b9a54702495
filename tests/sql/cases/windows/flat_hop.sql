-- Without GROUP BY a row of a hop appears once for each window that contains it.
create stream s (v int32, t datetime64(3)) settings event_time_column = 't';

-- query
select v, window_start, window_end from hop(s, 2s, 4s);

insert into s (v, t) values (1, '2020-02-02 20:00:05');
-- unordered rows
--   [1, "2020-02-02 20:00:02.000", "2020-02-02 20:00:06.000"]
--   [1, "2020-02-02 20:00:04.000", "2020-02-02 20:00:08.000"]
