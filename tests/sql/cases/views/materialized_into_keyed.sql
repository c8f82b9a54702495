-- INTO a changelog_kv stream a view selects _tp_delta; into a versioned_kv stream it needs none.
create stream s (i int, k string) primary key i settings mode = 'versioned_kv';
create stream changes (k string, n int64) primary key k settings mode = 'changelog_kv';
create stream latest_counts (k string, n int64) primary key k settings mode = 'versioned_kv';
create stream plain (k string, n int64);

-- error 80 materialized view mv must select _tp_delta
create materialized view mv into changes as select k, count() as n from s group by k;
-- error 36 plain keeps no _tp_delta
create materialized view mv into plain as select k, count() as n, _tp_delta from s group by k emit changelog;

create materialized view mv into changes as select k, count() as n, _tp_delta from s group by k emit changelog on update;
create materialized view mw into latest_counts as select k, count() as n from s group by k emit on update;
insert into s (i, k) values (1, 'a')(2, 'a')(3, 'b');
insert into s (i, k) values (3, 'a');

-- query
select k, n from table(changes);
-- rows
--   ["a", 3]

-- query
select k, n from table(latest_counts) order by k;
-- rows
--   ["a", 3]
--   ["b", 1]

-- query
select sum(n), count() from changes emit on update;
-- rows
--   [3, 1]
insert into s (i, k) values (1, 'b');
-- rows
--   [3, 2]
