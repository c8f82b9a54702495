-- UUIDs and addresses are checked and shown as texts.
create stream s (u uuid, a ipv4, b ipv6);
insert into s (u, a, b) values ('61f0c404-5cb3-11e7-907b-a6006ad3dba0', '10.0.0.1', '::1');

-- query
select u, a, b from table(s);
-- rows
--   ["61f0c404-5cb3-11e7-907b-a6006ad3dba0", "10.0.0.1", "::1"]
