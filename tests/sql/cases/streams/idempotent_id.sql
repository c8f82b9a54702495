-- An INSERT with an `idempotent_id` that is known is acknowledged and stores nothing.
create stream s (a int32);
insert into s (a) settings idempotent_id = 'b1' values (1);
insert into s (a) settings idempotent_id = 'b1' values (1);
insert into s (a) settings idempotent_id = 'b2' values (2);

-- query
select a from table(s);
-- rows
--   [1]
--   [2]
