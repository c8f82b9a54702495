-- Several tuples may stand without commas, also spread over lines.
create stream s (a int32, b string);
insert into s (a, b) values (1, 'x')(2, 'y'),
  (3, 'z')
  (4, '');

-- query
select a, b, _tp_sn from table(s);
-- rows
--   [1, "x", 0]
--   [2, "y", 0]
--   [3, "z", 0]
--   [4, "", 0]
