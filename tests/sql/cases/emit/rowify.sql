-- rowify makes every row an append of its own: ON UPDATE then sends after each row.
create stream s (k string, v int32);

-- query
select k, sum(v) from rowify(s) group by k emit on update;
insert into s (k, v) values ('a', 1)('b', 2)('a', 3);
-- rows
--   ["a", 1]
--   ["b", 2]
--   ["a", 4]
-- error 42
select k from rowify(s, k);
