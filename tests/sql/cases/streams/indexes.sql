-- Indexes and families of columns have no effect, but may only name columns of the stream.
create mutable stream m (
  k int32, a int32, b string,
  index i (a) unique storing (b), index j (a, b), family f (a, b)
) primary key (k);
create stream s (a int32, b string, index i lower(b) type minmax granularity 4)
order by (a, b) partition by to_yyyymm(_tp_time);

-- error 47 stream x has no column nope: an index, a family, ORDER BY and PARTITION BY take columns of the stream (line 1, column 47)
create mutable stream x (k int32, index i (k, nope)) primary key (k);
-- error 47 stream x has no column nope
create mutable stream x (k int32, index i (k) storing (nope)) primary key (k);
-- error 47 stream x has no column nope
create mutable stream x (k int32, family f (nope)) primary key (k);
-- error 47 stream x has no column nope
create stream x (k int32, index i nope type minmax granularity 4);
-- error 47 stream x has no column nope
create stream x (k int32) order by (k, nope);
-- error 47 stream x has no column nope
create stream x (k int32) partition by to_yyyymm(nope);

insert into m (k, a, b) values (1, 2, 'x');
-- query
select k, a, b from table(m);
-- rows
--   [1, 2, "x"]
