-- All OVER clauses of a query must be equal; ORDER BY in OVER is refused.
create stream s (k string, j string, v int32);
-- error 48
select sum(v) over (partition by k), sum(v) over (partition by j) from s;
-- error 48
select sum(v) over (partition by k order by v) from s;
