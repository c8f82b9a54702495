-- A NULL equals nothing in a join, not another NULL either.
create stream l (k nullable(int), v string);
create stream r (k nullable(int), w string);

-- query
select v, w from l left join r on l.k = r.k settings join_use_nulls = 1;

insert into r (k, w) values (null, 'n')(1, 'one');
insert into l (k, v) values (null, 'a')(1, 'b');
-- rows
--   ["a", null]
--   ["b", "one"]
