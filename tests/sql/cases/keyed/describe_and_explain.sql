-- DESCRIBE shows the stored weight, EXPLAIN where reading begins, SHOW CREATE mode, key and version.
create stream c (id int32, n string) primary key (id) settings mode = 'changelog_kv';
create stream v (a int32, b int32, rev int32) primary key (a, b) settings mode = 'versioned_kv', version_column = 'rev', keep_versions = 3;

-- query
select * from table(c);
-- columns id int32 | n string | _tp_delta int8 | _tp_time datetime64(3, 'UTC')

-- query
show create stream v;
-- rows
--   ["CREATE STREAM v\n(\n  a int32,\n  b int32,\n  rev int32\n)\nPRIMARY KEY (a, b)\nSETTINGS version_column = 'rev', keep_versions = 3, mode = 'versioned_kv'"]

-- query
explain select a from v;
-- rows
--   ["Project: a"]
--   ["  Scan v from the current rows by a, b: a, b, rev"]
