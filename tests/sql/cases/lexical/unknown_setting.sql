-- An unknown setting is an error; known ones without effect are accepted.
create stream s (a int32);
-- error 115
select a from s settings no_such_setting = 1;
-- error 115
create stream t (a int32) settings no_such_setting = 1;
select a from table(s) settings max_threads = 2, join_algorithm = 'hash';
create stream u (a int32) settings shards = 3, replication_factor = 1, flush_threshold_count = 10;
