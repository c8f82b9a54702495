-- An interval of nanoseconds is exact alone, in sums, comparisons and when it is added to a time.
create stream s (n int32);

-- query
select 3ns as a, 1500ns as b, 3ns + 1us as c, 1s - 3ns as d, [3ns, 5ns] as e, to_string(3ns) as f, -3ns as g;
-- columns a interval_nanosecond | b interval_nanosecond | c interval_nanosecond | d interval_nanosecond | e array(interval_nanosecond) | f string | g interval_nanosecond
-- rows
--   [3, 1500, 1003, 999999997, [3, 5], "3", -3]
-- end

-- query
select 3ns < 1us as a, 1000ns = 1us as b, 1us in (1000ns) as c, 1us in (1500ns) as d, 3ns in (1us, 3ns) as e,
  has([1us], 1500ns) as f, has([1000ns], 1us) as g, 1us in (select 1000ns) as h, 1000ns in (select 1us) as i;
-- rows
--   [true, true, true, false, true, false, true, true, true]
-- end

-- query
select interval n nanosecond as i, to_datetime64('2026-01-01 00:00:00', 9) + interval n nanosecond as a,
  date_add(to_datetime64('2026-01-01 00:00:00', 9), 3ns) as b, to_int64(interval n nanosecond) as c,
  (interval n nanosecond)::interval_microsecond as d, (1us)::interval_nanosecond as e
from s;
insert into s (n) values (2001);
-- rows
--   [2001, "2026-01-01 00:00:00.000002001", "2026-01-01 00:00:00.000000003", 0, 2, 1000]
-- error 43
select 1M + 3ns;
