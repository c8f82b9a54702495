-- NULL is a value of its own to DISTINCT and GROUP BY.
create stream s (v nullable(int32));

-- query
select v, count() from s group by v emit on update;
insert into s (v) values (1)(null)(null)(1);
-- rows
--   [1, 2]
--   [null, 2]
