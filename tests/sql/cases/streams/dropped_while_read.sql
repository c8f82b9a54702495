-- What views read cannot be dropped or renamed.
create stream s (a int32);
create view v as select a from s;
create view w as select a + 1 as b from v;
-- error 630
drop stream s;
-- error 630
rename stream s to t;
-- error 630
drop view v;
drop view w;
drop view v;
drop stream s;
