-- A value of an INSERT that its column cannot hold is named by row and column, and by its place in the statement.
create stream s (k string, v int32, t datetime64(3));

-- error 6 row 1, column 'v': cannot parse text as int32: zz (line 1, column 35)
insert into s (k, v) values ('a', 'zz');
-- error 6 row 2, column 't': cannot parse text as datetime64(3): zz (line 3, column 4)
insert into s (k, v, t) values
  ('zz', 1, now()) (('q'), 2,
   'zz');
-- error 6 row 2, column 'v': cannot parse text as int32: x (line 1, column 50)
insert into s values ('values', 1, now()), ('b', 'x', now());
-- error 53 row 2, column 'v': '1e30' is out of the range of int32 (line 1, column 40)
insert into s (v, k) values (1, 'a'), (1e30, 'b');
-- error 53 row 1, column 'v': cannot read '1.5' as int32 (line 1, column 35)
insert into s (k, v) values ('a', 1.5);
-- error 6 cannot parse text as int32: zz (line 1, column 13)
insert into s (k, v) select 'a', 'zz'::int32;
-- error 6 cannot parse text as int32: zz (line 1, column 13)
insert into s (k, v) values ('a', to_int32('zz'));
-- query
select count() from table(s);
-- rows
--   [0]
