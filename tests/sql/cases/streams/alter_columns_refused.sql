-- A column that a view, the primary key, a default or the event time uses stays; names must fit.
create stream v (id int32, w int32, x int32 default w + 1, t datetime64(3), note string) primary key id settings mode = 'versioned_kv', version_column = 'w', event_time_column = 't';
create view seen as select note from v;

-- error 630
alter stream v drop column id;

-- error 630
alter stream v drop column w;

-- error 630
alter stream v rename column t to time;

-- error 630
alter stream v drop column note;

-- error 630
alter stream v rename column note to remark;

-- error 47
alter stream v drop column nosuch;

-- error 15
alter stream v add column NOTE string;

-- error 15
alter stream v rename column x to w;

-- error 36
alter stream seen add column y int32;

-- error 48
alter stream v modify column note int32;

alter stream v drop column if exists nosuch;
alter stream v add column if not exists note string;
alter stream v drop column x;
drop view seen;
alter stream v add column first_one string first;
alter stream v add column after_w string after w;

-- query
describe v;
-- rows
--   ["first_one", "string", "", "", "", "", ""]
--   ["id", "int32", "", "", "", "", ""]
--   ["w", "int32", "", "", "", "", ""]
--   ["after_w", "string", "", "", "", "", ""]
--   ["t", "datetime64(3)", "", "", "", "", ""]
--   ["note", "string", "", "", "", "", ""]
--   ["_tp_time", "datetime64(3, 'UTC')", "default", "t", "", "", ""]
