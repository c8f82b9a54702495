-- `x in (select ... from table(t))` is evaluated once, when the query starts.
create stream s (v int32);
create stream allowed (v int32);
insert into allowed (v) values (1)(3);

-- query
select v from s where v in (select v from table(allowed));
insert into s (v) values (1)(2)(3);
-- rows
--   [1]
--   [3]
insert into allowed (v) values (2);
insert into s (v) values (2);
-- no rows
