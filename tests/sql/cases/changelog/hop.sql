-- A hop over changelog(): an update moves a row from window to window.
create stream s (i int, v int, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, count(), max(v) from hop(changelog(s, i), t, 5s, 10s) group by window_start;

insert into s (i, v, t) values (1, 5, '2020-02-02 20:00:01')(2, 3, '2020-02-02 20:00:02');
insert into s (i, v, t) values (1, 4, '2020-02-02 20:00:03');
insert into s (i, v, t) values (3, 9, '2020-02-02 20:00:11');
-- rows
--   ["2020-02-02 19:59:55.000", 2, 4]
--   ["2020-02-02 20:00:00.000", 2, 4]
