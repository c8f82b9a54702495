-- INTO: columns go to the target by name, those that are missing take their defaults.
create stream s (i int32);
create stream t (ii int32, note string default 'none', _tp_time datetime64(3, 'UTC') default now64(3, 'UTC'));
create materialized view mv into t as select i + 1 as ii from s;
insert into s (i) values (1)(2);

-- query
select ii, note from table(t);
-- rows
--   [2, "none"]
--   [3, "none"]

-- query
select ii from table(mv);
-- rows
--   [2]
--   [3]

-- error 36
create materialized view other into t as select i as missing from s;

-- error 630
drop stream t;

-- error 630
drop stream s;

drop view mv;
drop stream s;
drop stream t;
