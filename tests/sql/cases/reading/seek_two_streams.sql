-- `seek_to` with one value per source, separated by commas.
create stream a (v int32);
create stream b (v int32);
insert into a (v) values (1);
insert into b (v) values (2);

-- query
select v from a union all select v from b settings seek_to = 'earliest';
-- unordered rows
--   [1]
--   [2]
