-- `end`, `desc`, `asc`, `then`, `interval`, `offset` and `settings` need no quotes as names.
create stream s (end int32, desc int32, interval int32, offset int32, settings int32, then int32, asc int32);
insert into s (end, desc, interval, offset, settings, then, asc) values (1, 2, 3, 4, 5, 6, 7)(2, 1, 1, 1, 1, 1, 1);

-- query
select end, s.desc, interval - 1 as a, offset, settings, then, asc from table(s) where end + 0 > 0 order by end desc;
-- columns end int32 | desc int32 | a int64 | offset int32 | settings int32 | then int32 | asc int32
-- rows
--   [2, 1, 0, 1, 1, 1, 1]
--   [1, 2, 2, 4, 5, 6, 7]
-- end

-- error 43
select interval + interval 1 second from s;

-- query
select case when desc > 1 then then else end end as end, offset from table(s)
order by desc desc limit 1 offset 0 settings max_threads = 1;
-- rows
--   [6, 4]
-- end

-- query
select max(end) as offset from table(s) group by asc order by asc asc;
-- rows
--   [2]
--   [1]
-- end
-- error 62
select interval 5 from s;
-- error 47
select end;
