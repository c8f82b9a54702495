-- emit_version() counts from 0 and grows by one with each window that is closed.
create stream s (k string, t datetime64(3)) settings event_time_column = 't';

-- query
select window_start, k, count(), emit_version() from tumble(s, 1s) group by window_start, k;

insert into s (k, t) values ('a', '2020-02-02 20:00:00')('b', '2020-02-02 20:00:00')
  ('a', '2020-02-02 20:00:01');
insert into s (k, t) values ('a', '2020-02-02 20:00:03');
-- rows
--   ["2020-02-02 20:00:00.000", "a", 1, 0]
--   ["2020-02-02 20:00:00.000", "b", 1, 0]
--   ["2020-02-02 20:00:01.000", "a", 1, 1]
insert into s (k, t) values ('a', '2020-02-02 20:00:04');
-- rows
--   ["2020-02-02 20:00:03.000", "a", 1, 2]
