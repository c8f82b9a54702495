-- Joins of streams that do not exist, and conditions other than equalities, are refused.
create stream a (i int, s string, t datetime64(3));
create stream b (i int, s string, t datetime64(3));
create stream c (i int, s string, t datetime64(3)) settings mode = 'changelog';
create stream v (i int, s string, t datetime64(3)) primary key i settings mode = 'versioned_kv';

-- error 48
select a.i from a cross join b;
-- error 48
select a.i from a join b on a.i = b.i or a.s = b.s;
-- error 48
select a.i from a join b on a.i = b.i and a.s > 'x';
-- error 48
select a.i from a join b on a.i = b.i and a.t > b.t;
-- error 48
select a.i from table(a) as a join b on a.i = b.i;
-- error 48
select a.i from a latest join table(b) as b on a.i = b.i;
-- error 48
select c.i, _tp_delta from c join a on c.i = a.i;
-- error 48
select c.i, _tp_delta from c latest join v on c.i = v.i;
-- error 48
select a.i from a asof join c on a.i = c.i and a.t >= c.t;
-- error 48
select a.i from a join v on a.i = v.i and date_diff_within(10s);
-- error 169
select a.i from a asof join b on a.i = b.i and a.s > b.s;
-- error 62
select a.i from a join b on a.i = b.i and date_diff('second', a.t, b.t) > 5;
-- error 62
select a.i from a join b on a.i = b.i and date_diff('second', a.t, b.t) between 2 and 10;
-- error 62
select a.i from a join b on a.i = b.i and date_diff_within(1h);
-- error 47
select a.i from a join b on a.i = b.nothing;
-- error 80
select c.i from c join v on c.i = v.i;
