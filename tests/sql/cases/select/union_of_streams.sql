-- UNION of streams is UNION ALL: rows as they come.
create stream a (v int32);
create stream b (v int32);

-- query
select v, 'a' as source from a union select v, 'b' as source from b;
insert into a (v) values (1);
insert into a (v) values (1);
-- unordered rows
--   [1, "a"]
--   [1, "a"]
insert into b (v) values (1);
-- rows
--   [1, "b"]
