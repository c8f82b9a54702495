-- RIGHT and FULL joins of streams are refused.
create stream a (k int32);
create stream b (k int32);
-- error 48
select a.k from a right join b on a.k = b.k;
-- error 48
select a.k from a full join b on a.k = b.k;
