-- There is one database, `default`.
create stream default.s (v int32);
insert into default.s (v) values (1);
-- error 81
use other;
use default;

-- query
select v from table(default.s);
-- rows
--   [1]
-- error 81
select v from other.s;
