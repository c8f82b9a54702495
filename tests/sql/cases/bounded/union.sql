-- UNION ALL keeps equal rows.
create stream s (v int32);
insert into s (v) values (1)(2);

-- query
select v from (select v from table(s) union all select v from table(s)) order by v;
-- rows
--   [1]
--   [1]
--   [2]
--   [2]
