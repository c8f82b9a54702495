-- Sums, extremes and sets of wide integers take rows back.
create stream s (x int128) settings mode = 'changelog';

-- query
select sum(x) as a, min(x) as b, max(x) as c, count() as d from s emit on update;

insert into s (x, _tp_delta) values ('170141183460469231731687303715884105727', 1)('5', 1)('-7', 1);
-- rows
--   ["170141183460469231731687303715884105725", "-7", "170141183460469231731687303715884105727", 3]

insert into s (x, _tp_delta) values ('170141183460469231731687303715884105727', -1)('-7', -1);
-- rows
--   ["5", "5", "5", 1]
