-- Rows that are in the log still are read also without history.
create stream s (v int32);
insert into s (v) values (1);

-- query
select v from s settings seek_to = 'earliest', enable_backfill_from_historical_store = 0;
-- rows
--   [1]
insert into s (v) values (2);
-- rows
--   [2]
