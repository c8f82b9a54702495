-- Of equal values min_k and max_k take those that arrived first, and show them first.
create stream s (v int32, id string, a ipv4);

-- query
select max_k(v, 3, id) as most, min_k(v, 2, id) as least from s emit on update;
insert into s (v, id) values (66, 'z')(57, 'y')(66, 'b');
-- rows
--   [[[66, "z"], [66, "b"], [57, "y"]], [[57, "y"], [66, "z"]]]
insert into s (v, id) values (66, 'a')(57, 'a')(80, 'x');
-- rows
--   [[[80, "x"], [66, "z"], [66, "b"]], [[57, "y"], [57, "a"]]]
insert into s (v, id) values (57, 'b')(57, 'c')(80, 'a')(57, 'd')(80, 'b')(81, 'w');
-- rows
--   [[[81, "w"], [80, "x"], [80, "a"]], [[57, "y"], [57, "a"]]]

-- query
select max_k(v, 2, id) as most, min_k(v, 2, id) as least from changelog(s, id) emit on update;
insert into s (v, id) values (5, 'z')(7, 'c')(7, 'b')(5, 'a');
-- rows
--   [[[7, "c"], [7, "b"]], [[5, "z"], [5, "a"]]]
insert into s (v, id) values (7, 'z');
-- rows
--   [[[7, "c"], [7, "b"]], [[5, "a"], [7, "c"]]]
insert into s (v, id) values (1, 'c');
-- rows
--   [[[7, "b"], [7, "z"]], [[1, "c"], [5, "a"]]]

-- query
select max_k(v, 2, id) as most, max_k(a, 2) as addresses from table(s);
-- rows
--   [[[81, "w"], [80, "x"]], ["0.0.0.0", "0.0.0.0"]]
-- end

-- query
select max_k(a, 2) as high, min_k(a, 1, id) as low from s emit on update;
insert into s (a, id) values ('10.0.0.9', 'a')('10.0.0.10', 'b')('9.0.0.1', 'c');
-- rows
--   [["10.0.0.10", "10.0.0.9"], [["9.0.0.1", "c"]]]
insert into s (a, id) values ('10.0.0.100', 'd');
-- rows
--   [["10.0.0.100", "10.0.0.10"], [["9.0.0.1", "c"]]]

-- query
select max_k(v, 1, id) as most from tumble(s, 1s) group by window_start;
insert into s (v, id, _tp_time) values (1, 'b', '2026-01-01 00:00:00')(1, 'a', '2026-01-01 00:00:00');
insert into s (v, id, _tp_time) values (1, 'b', '2026-01-01 00:00:01');
-- rows
--   [[[1, "b"]]]
