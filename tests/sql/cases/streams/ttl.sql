-- A TTL expression is checked when it is given.
create stream s (v int32, t datetime64(3)) ttl to_datetime(t) + 1d settings event_time_column = 't';
alter stream s modify ttl to_datetime(_tp_time) + interval 7 day;
-- error 47
alter stream s modify ttl no_such_column + 1d;
-- error 60
alter stream nothing modify ttl to_datetime(_tp_time) + 1d;
