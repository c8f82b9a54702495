-- An INSERT wraps integers and refuses other numbers that its column cannot hold; a cast in it cuts.
create stream s (a int8, b float32, c array(uint8), d fixed_string(3));
-- error 53
insert into s (a) values (1)(1.5);
-- error 53
insert into s (a) select 1.7;
-- error 53
insert into s (b) values (1e300);
-- error 53
insert into s (c) values ([1, 2.5]);
-- error 6
insert into s (d) values ('abcd');
insert into s (a, b, c, d) values (300::int8, 1.5, [255], 'abc')(2.0, 3, [], 'x');
insert into s (a) select to_int8(1.7);
insert into s (a, c) values (300, [1, 256, -1]);
insert into s (a) select -129;

-- query
select a, b, c, d from table(s);
-- rows
--   [44, 1.5, [255], "abc"]
--   [2, 3.0, [], "x"]
--   [1, 0.0, [], ""]
--   [44, 0.0, [1, 0, 255], ""]
--   [127, 0.0, [], ""]
