-- Wide integers are compared, ordered and aggregated as numbers, also beyond 128 bits.
create stream s (k string, x int256);

-- query
select min(x) as a, max(x) as b, sum(x) as c, arg_max(k, x) as d, count_distinct(x) as e from s emit on update;

insert into s (k, x) values ('a', '9')('b', '1606938044258990275541962092341162602522202993782792835301376')('c', '-10');
-- rows
--   ["-10", "1606938044258990275541962092341162602522202993782792835301376", "1606938044258990275541962092341162602522202993782792835301375", "b", 3]

insert into s (k, x) values ('d', '10')('e', '-1606938044258990275541962092341162602522202993782792835301376');
-- rows
--   ["-1606938044258990275541962092341162602522202993782792835301376", "1606938044258990275541962092341162602522202993782792835301376", "9", "b", 5]

-- query
select x, x < 10 as small, x = '9' as nine, x in (9, 10) as one_of from table(s) order by x desc;
-- rows
--   ["1606938044258990275541962092341162602522202993782792835301376", false, false, false]
--   ["10", false, false, true]
--   ["9", true, true, true]
--   ["-10", true, false, false]
--   ["-1606938044258990275541962092341162602522202993782792835301376", true, false, false]
