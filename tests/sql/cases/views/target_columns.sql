-- A column that a materialized view writes cannot be dropped or renamed; rows go into streams, not into views.
create stream s (k string, v int32);
create stream target (k string, v int64, note string default 'new', spare int32);
create materialized view totals into target as select k, sum(v) as v from s group by k emit on update;

-- error 630 column v of target is used by view totals, which writes it. Drop it first, then alter the stream (line 1, column 14)
alter stream target drop column v;
-- error 630 column k of target is used by view totals, which writes it
alter stream target rename column k to kk;
alter stream target drop column spare;
-- error 47
select spare from table(target);

-- What the view writes is what its query gives now.
alter view totals modify query select k, 'changed' as note, v from s;
-- error 630 column note of target is used by view totals, which writes it
alter stream target drop column note;
alter view totals modify query select k, v from s;
alter stream target drop column note;
insert into s (k, v) values ('a', 1);
-- query
select k, v from table(target);
-- rows
--   ["a", 1]

create materialized view own as select k, v from s;
-- error 36 own is a materialized view, rows go into streams
create materialized view other into own as select k, v from s;
create view plain as select k from s;
-- error 36 plain is a view, rows go into streams
create materialized view other into plain as select k from s;

drop view totals;
alter stream target rename column v to total;
-- query
select k, total from table(target);
-- rows
--   ["a", 1]
