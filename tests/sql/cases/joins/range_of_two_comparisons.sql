-- Two comparisons of date_diff are a range as well; max_join_range bounds its width.
create stream a (i int, t datetime64(3));
create stream b (i int, t datetime64(3), v string);

-- query
select v from a join b on a.i = b.i and date_diff('second', a.t, b.t) >= 0 and date_diff('second', a.t, b.t) < 2;

insert into a (i, t) values (1, '2026-01-01 00:00:10');
insert into b (i, t, v) values (1, '2026-01-01 00:00:08', 'two before')(1, '2026-01-01 00:00:09', 'one before')
  (1, '2026-01-01 00:00:10', 'same')(1, '2026-01-01 00:00:11', 'after');
-- rows
--   ["one before"]
--   ["same"]

-- error 62
select v from a join b on a.i = b.i and date_diff('second', a.t, b.t) > -200 and date_diff('second', a.t, b.t) < 200;
-- error 62
select v from a join b on a.i = b.i and date_diff('second', a.t, b.t) < 200;

-- query
select v from a join b on a.i = b.i and date_diff('second', a.t, b.t) between -200 and 200 settings max_join_range = 400;
insert into b (i, t, v) values (2, '2026-01-01 00:01:00', 'wide');
insert into a (i, t) values (2, '2026-01-01 00:04:20');
-- rows
--   ["wide"]
