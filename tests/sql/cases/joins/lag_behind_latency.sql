-- join_latency_threshold: how long lag_behind holds a row at most, whatever the right side does.
create stream l (id int, v string, t datetime64(3));
create stream r (id int, v string, t datetime64(3));

-- error 36 join_latency_threshold must be a whole number
select l.v, r.v from l left latest join r on l.id = r.id and lag_behind(1ms, l.t, r.t)
settings join_latency_threshold = 'long';

-- query
select l.v, r.v from l left latest join r on l.id = r.id and lag_behind(1ms, l.t, r.t)
settings join_quiesce_threshold_ms = 20000, join_latency_threshold = 3000;

insert into r (id, v, t) values (1, 'x', '2023-01-01 00:00:01');
insert into l (id, v, t) values (1, 'a', '2023-01-01 00:00:09');
-- no rows
-- wait 2s
insert into l (id, v, t) values (1, 'b', '2023-01-01 00:00:10');
insert into r (id, v, t) values (1, 'y', '2023-01-01 00:00:02');
-- no rows
-- wait 1s
-- rows
--   ["a", "y"]
-- wait 1s
insert into r (id, v, t) values (1, 'z', '2023-01-01 00:00:03');
-- no rows
-- wait 1s
-- rows
--   ["b", "z"]
