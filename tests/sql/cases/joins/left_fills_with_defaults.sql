-- Unmatched right columns of a LEFT JOIN are zeros, not NULL.
create stream a (k int32, x string);
create stream b (k int32, y string, t datetime);
insert into a (k, x) values (1, 'a1')(2, 'a2');
insert into b (k, y, t) values (1, 'b1', '2020-02-02 20:00:00');

-- query
select a.k, x, y, t, b.k from table(a) as a left join table(b) as b on a.k = b.k order by a.k;
-- rows
--   [1, "a1", "b1", "2020-02-02 20:00:00", 1]
--   [2, "a2", "", "1970-01-01 00:00:00", 0]
