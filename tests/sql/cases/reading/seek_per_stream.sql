-- `seek_to` may name one start for each stream of the query, in the order of FROM.
create stream a (v int32);
create stream b (v int32);
insert into a (v) values (1);
insert into a (v) values (2);
insert into b (v) values (10);
insert into b (v) values (20);

-- query
select v from a union all select v from b settings seek_to = '1, earliest';
-- unordered rows
--   [2]
--   [10]
--   [20]
-- query
select v from a union all select v from b settings seek_to = 'latest,1';
-- rows
--   [20]
-- query
select v from a union all select v from (select v from b settings seek_to = 'earliest') settings seek_to = '1,latest';
-- unordered rows
--   [2]
--   [10]
--   [20]
-- error 36
select v from a union all select v from b settings seek_to = '1,2,3';
-- error 36
select v from a settings seek_to = 'earliest,latest';
