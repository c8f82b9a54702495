-- A window over a changelog takes rows back while it is open; a group without rows is not sent.
create stream c (k string, v int, t datetime64(3)) settings mode = 'changelog', event_time_column = 't';

-- query
select window_start, k, count(), sum(v), max(v), group_array(v) from tumble(c, 5s) group by window_start, k;

insert into c (k, v, t) values ('a', 1, '2020-02-02 20:00:01')('a', 7, '2020-02-02 20:00:02')('b', 2, '2020-02-02 20:00:03');
insert into c (k, v, t, _tp_delta) values ('a', 7, '2020-02-02 20:00:02', -1)('b', 2, '2020-02-02 20:00:03', -1);
-- no rows

insert into c (k, v, t) values ('c', 1, '2020-02-02 20:00:06');
-- rows
--   ["2020-02-02 20:00:00.000", "a", 1, 1, 1, [1]]
