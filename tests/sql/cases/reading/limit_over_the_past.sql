-- LIMIT on a rewound query ends it within the past.
create stream s (v int32);
insert into s (v) values (1)(2);
insert into s (v) values (3);

-- query
select v from s limit 3 settings seek_to = 'earliest';
-- rows
--   [1]
--   [2]
--   [3]
-- end
