-- Modes and statements of later versions are refused, not ignored.
-- error 48
create stream s (k string, v int32) primary key k settings mode = 'versioned_kv';
-- error 48
create materialized view v as select 1;
create stream t (v int32);
-- error 48
select a.v from t as a join t as b on a.v = b.v;
-- error 48
select v from dedup(t, v);
-- error 48
select * from changelog(t, v);
