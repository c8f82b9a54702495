-- Columns can be added, renamed and dropped; a running query keeps the columns that it bound, and rows from before have the default of a column that was added.
create stream s (a int32, b string);
insert into s (a, b) values (1, 'x');

-- query
select a, b from s settings seek_to = 'earliest';
-- rows
--   [1, "x"]

alter stream s add column c int32 default a + 10;
alter stream s add column n nullable(string);
alter stream s rename column b to text;
insert into s (a, text, c, n) values (2, 'y', 5, 'z');
-- rows
--   [2, "y"]

-- query
select * except _tp_time from table(s) order by a;
-- columns a int32 | text string | c int32 | n nullable(string)
-- rows
--   [1, "x", 11, null]
--   [2, "y", 5, "z"]

-- query
select a, text, c from s where _tp_time > earliest_ts();
-- rows
--   [1, "x", 11]
--   [2, "y", 5]

-- error 630
alter stream s drop column c;

-- query
select a from s;
alter stream s drop column c;
alter stream s add column c string;
insert into s (a, c) values (3, 'new');
-- rows
--   [3]

-- query
select a, c from table(s) order by a;
-- rows
--   [1, ""]
--   [2, ""]
--   [3, "new"]

-- query
show create stream s;
-- rows
--   ["CREATE STREAM s\n(\n  a int32,\n  text string,\n  n nullable(string),\n  c string\n)"]
