-- PARTITION BY: only substreams with new rows are sent, and a group without rows stays there.
create stream s (v float, k int, name string);

-- query
select name, count(), max(v) from changelog(s, k) partition by name emit periodic 1s;

insert into s (v, k, name) values (1, 1, 'a')(2, 2, 'b');
-- wait 1s
-- rows
--   ["a", 1, 1]
--   ["b", 1, 2]

insert into s (v, k, name) values (3, 2, 'b');
-- wait 1s
-- rows
--   ["b", 1, 3]

insert into s (v, k, name) values (4, 1, 'b');
-- wait 1s
-- rows
--   ["a", 0, 0]
--   ["b", 2, 4]
