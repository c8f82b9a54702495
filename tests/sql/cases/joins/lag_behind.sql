-- lag_behind: a left row waits for the right side, and sees of it what is not later than it is.
create stream l (id int, v string, t datetime64(3));
create stream r (id int, v string, t datetime64(3));

-- query
select l.v, r.v from l left latest join r on l.id = r.id and lag_behind(1ms, l.t, r.t)
settings join_quiesce_threshold_ms = 20000;

insert into l (id, v, t) values (1, 'a', '2023-01-01 00:00:04');
-- no rows
-- wait 1s
insert into r (id, v, t) values (1, 'x', '2023-01-01 00:00:06');
-- rows
--   ["a", ""]
-- wait 1s
insert into l (id, v, t) values (1, 'b', '2023-01-01 00:00:05')(1, 'c', '2023-01-01 00:00:08');
-- rows
--   ["b", ""]
-- wait 1s
insert into r (id, v, t) values (1, 'y', '2023-01-01 00:00:07');
-- no rows
-- wait 1s
insert into r (id, v, t) values (1, 'z', '2023-01-01 00:00:10');
-- rows
--   ["c", "y"]
-- wait 1s
insert into l (id, v, t) values (1, 'd', '2023-01-01 00:00:20');
-- no rows
-- wait 19s
-- no rows
-- wait 2s
-- rows
--   ["d", "z"]
