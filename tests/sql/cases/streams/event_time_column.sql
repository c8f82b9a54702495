-- `event_time_column` gives `_tp_time`; it may be an expression.
create stream a (at datetime64(3)) settings event_time_column = 'at';
create stream b (ms int64) settings event_time_column = 'from_unix_timestamp64_milli(ms)';
insert into a (at) values ('2020-02-02 20:00:00.123');
insert into b (ms) values (1000);

-- query
select _tp_time from table(a);
-- rows
--   ["2020-02-02 20:00:00.123"]
-- query
select _tp_time from table(b);
-- rows
--   ["1970-01-01 00:00:01.000"]
