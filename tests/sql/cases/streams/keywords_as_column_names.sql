-- Words that are keywords elsewhere are usual column names.
create stream s (at int32, `end` int32, user string, `order` int32, `group` int32, `desc` string);
insert into s (at, `end`, user, `order`, `group`, `desc`) values (1, 2, 'u', 3, 4, 'd');

-- query
select at, `end`, user, `order`, `group`, `desc` from table(s);
-- rows
--   [1, 2, "u", 3, 4, "d"]
-- query
select at, max(`end`), `order` from s group by at, `order` emit on update;
insert into s (at, `end`, user, `order`, `group`, `desc`) values (1, 2, 'u', 3, 4, 'd');
-- rows
--   [1, 2, 3]
