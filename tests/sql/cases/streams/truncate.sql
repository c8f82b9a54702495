-- TRUNCATE STREAM removes the rows of table(); sequence numbers and running tails go on.
create stream s (i int32);

insert into s (i) values (1)(2)(3);

-- query
select i, _tp_sn from s;

truncate stream s;
insert into s (i) values (4);
-- rows
--   [4, 3]

-- query
select i, _tp_sn from table(s);
-- rows
--   [4, 3]
-- end

truncate stream default.s;

-- query
select count() from table(s);
-- rows
--   [0]
-- end

truncate stream if exists nothing;

-- error 60
truncate stream nothing;

create view v as select i from table(s);

-- error 36
truncate stream v;

-- error 62
truncate s;

-- error 48
delete from s where i = 1;
