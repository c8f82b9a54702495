-- A missing value takes DEFAULT, else the zero of its type, never NULL unless nullable.
create stream s (i int32, f float64, t string, b bool, d date, a array(int32), m map(string, int32),
  n nullable(int32), x int32 default i * 2, y string default 'dft', at datetime);
insert into s (i) values (4);

-- query
select i, f, t, b, d, a, m, n, x, y, at from table(s);
-- rows
--   [4, 0.0, "", false, "1970-01-01", [], {}, null, 8, "dft", "1970-01-01 00:00:00"]
