-- Decimals keep their scale.
create stream s (a decimal(10, 2));
insert into s (a) values ('12.5');

-- query
select a, a + 1 as b, to_string(a) as c from table(s);
-- rows
--   [12.50, 13.50, "12.50"]
