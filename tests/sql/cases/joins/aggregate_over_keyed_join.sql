-- An aggregate over a join of keyed streams follows its changes.
create stream l (i int, s string) primary key s settings mode = 'versioned_kv';
create stream r (ii int, ss string) primary key ss settings mode = 'versioned_kv';

-- query
select s, sum(i + ii) as total from l join r on s = ss group by s emit periodic 2s;

insert into r (ii, ss) values (1, 'a');
insert into l (i, s) values (3, 'a');
-- wait 3s
-- rows
--   ["a", 4]
insert into l (i, s) values (2, 'a');
-- wait 2s
-- rows
--   ["a", 3]
insert into r (ii, ss) values (4, 'a');
-- wait 2s
-- rows
--   ["a", 6]
