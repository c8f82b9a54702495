-- External streams and tables are definitions of what lies outside.
create external stream e (raw string) settings type = 'kafka', brokers = 'nobody.invalid:9092', topic = 't', password = 'secret';
create external table u settings type = 'postgresql', address = 'nobody.invalid:5432', password = 'secret';

-- error 57
create stream e (a int);
-- error 36
create external stream p (raw string) settings type = 'pulsar', topic = 't';
-- error 115
create external stream p (raw string) settings type = 'kafka', brokers = 'b', topic = 't', pasword = 'x';

-- query
show external streams;
-- rows
--   ["e"]
-- end

-- query
show create external table u;
-- rows
--   ["CREATE EXTERNAL TABLE u\nSETTINGS type = 'postgresql', address = 'nobody.invalid:5432', password = '******'"]
-- end

-- query
describe e;
-- rows
--   ["raw", "string", "", "", "", "", ""]
-- end

-- error 60
drop external table e;
drop external stream e;
drop external table if exists e;

-- query
show streams;
-- rows
--   ["u"]
-- end
