-- A join that keeps more than join_max_buffered_bytes ends with code 191.
create stream a (i int, v string);
create stream b (i int, w string);

-- query
select v, w from a join b on a.i = b.i settings join_max_buffered_bytes = 10;
insert into a (i, v) values (1, 'x');
-- no rows
-- end
