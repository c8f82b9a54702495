-- `*` of a join is all left columns, then all right ones; an equal name on the right is
-- `right_name.col`.
create stream a (k int32, x string);
create stream b (k int32, y string);
insert into a (k, x) values (1, 'a1');
insert into b (k, y) values (1, 'b1');

-- query
select * from table(a) as a join table(b) as b on a.k = b.k
settings asterisk_include_reserved_columns = false;
-- columns k int32 | x string | b.k int32 | y string
-- rows
--   [1, "a1", 1, "b1"]
