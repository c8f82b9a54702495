-- earliest_ts() is a place to start from: other operators with it are errors.
create stream s (v int32);
-- error 183
select v from s where _tp_time < earliest_ts();
-- error 183
select v from s where _tp_time = earliest_timestamp();
-- error 183
select v from s where _tp_time != earliest_ts();
