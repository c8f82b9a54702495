-- Settings that a stream does not have, or that are fixed at its creation, are refused by ALTER as
-- by CREATE; what may be changed is shown. A retention of 0 or less is unlimited.
create stream s (a int32) settings logstore_retention_ms = -5;
create view v as (select a from s);

alter stream s modify setting logstore_retention_bytes = 1000;
alter stream s modify setting shards = 2;

-- query
show create stream s;
-- rows
--   ["CREATE STREAM s\n(\n  a int32\n)\nSETTINGS shards = 2, logstore_retention_bytes = 1000, logstore_retention_ms = -5"]

-- error 115
alter stream s modify setting nosuch = 1;

-- error 115
create stream t (a int32) settings nosuch = 1;

-- error 36
alter stream s modify setting logstore_retention_ms = 'abc';

-- error 36
alter stream s modify setting logstore_retention_ms = '--5';

-- error 36
alter stream s modify setting logstore_retention_ms = 99999999999999999999999;

-- error 36
create stream t (a int32) settings logstore_retention_ms = 99999999999999999999999;

-- error 36
alter stream s modify setting mode = 'changelog';

-- error 36
alter stream s modify setting event_time_column = 'a';

-- error 36
alter stream s modify setting event_time_timezone = 'Europe/Berlin';

-- error 36
alter stream v modify setting shards = 2;

-- error 36
alter stream v modify ttl _tp_time + 1d;

-- query
show create stream s;
-- rows
--   ["CREATE STREAM s\n(\n  a int32\n)\nSETTINGS shards = 2, logstore_retention_bytes = 1000, logstore_retention_ms = -5"]
