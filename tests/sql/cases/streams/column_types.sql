-- Columns of types that cannot be stored, and defaults that would need a query, are refused.
-- error 43
create stream s (c interval_second);

-- error 43
create stream s (a int32, c nothing);

-- error 43
create stream s (c array(interval_day));

-- error 43
create stream s (_tp_time string);

-- error 43
create stream s (_tp_time nullable(datetime64(3)));

-- error 36
create stream s (a int32, b int32 default (select 1));

create stream s (a int32, _tp_time datetime64(6, 'UTC'));
insert into s (a, _tp_time) values (1, '2026-01-02 03:04:05.123456');

-- query
select a, _tp_time from table(s);
-- columns a int32 | _tp_time datetime64(6, 'UTC')
-- rows
--   [1, "2026-01-02 03:04:05.123456"]
