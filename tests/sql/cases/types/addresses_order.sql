-- Addresses are compared and ordered by number, whatever their spelling.
create stream s (a ipv4, b ipv6);

-- query
select min(a) as x, max(a) as y, min(b) as u, max(b) as v from s emit on update;

insert into s (a, b) values ('10.0.0.9', '::2')('10.0.0.10', '2001:DB8:0:0::10')('9.255.0.1', '::ffff:10.0.0.9');
-- rows
--   ["9.255.0.1", "10.0.0.10", "::2", "2001:db8::10"]

-- query
select a, a < '10.0.0.10' as before, a between '10.0.0.2' and '10.0.0.20' as inside from table(s) order by a;
-- rows
--   ["9.255.0.1", true, false]
--   ["10.0.0.9", true, true]
--   ["10.0.0.10", false, true]

-- query
select b, b = '2001:0db8::0010' as same, to_ipv6('2001:DB8::10') = b as read from table(s) order by b desc;
-- rows
--   ["2001:db8::10", true, true]
--   ["::ffff:10.0.0.9", false, false]
--   ["::2", false, false]
-- error 6
select to_ipv4('1.2.3.04');
