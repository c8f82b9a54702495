-- INSERT ... SELECT of a bounded query is one append.
create stream a (x int32);
create stream b (x int32, y string default 'd');
insert into a (x) values (1)(2);
insert into a (x) values (3);
insert into b (x) select x * 10 from table(a);

-- query
select x, y, _tp_sn from table(b);
-- rows
--   [10, "d", 0]
--   [20, "d", 0]
--   [30, "d", 0]
-- error 48
insert into b (x) select x from a;
