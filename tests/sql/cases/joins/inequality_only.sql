-- A bounded join with nothing but an inequality is refused.
create stream a (k int32);
create stream b (k int32);
-- error 403
select a.k from table(a) as a join table(b) as b on a.k < b.k;
