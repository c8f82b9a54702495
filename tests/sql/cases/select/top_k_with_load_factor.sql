-- A load factor makes top_k a sketch of k times so many counters: counts may be too high, the most
-- frequent values are found. Without one it is exact.
create stream s (id int32, t string);

-- query
select top_k(id, 2, true, 2), top_k(id, 2), top_k(t, 1, true, 3), top_k(id, 1, false, 100) from s emit on update;

insert into s (id, t) select number, if(number % 3 = 0, 'x', 'y') from numbers(20);
-- rows
--   [[[16, 2], [17, 2]], [[0, 1], [1, 1]], [["y", 13]], [0]]

insert into s (id, t) select number, 'z' from numbers(20) where number > 10;
-- rows
--   [[[16, 3], [17, 3]], [[11, 2], [12, 2]], [["y", 13]], [11]]
