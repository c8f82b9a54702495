-- A subquery in an expression must be bounded.
create stream s (v int32);
-- error 48
select v from s where v in (select v from s);
