-- User functions may stand in VALUES: each cell is a call of its own.
create function shout(s string) returns string language javascript as $$
  function shout(v) { return v.map(x => x.toUpperCase() + '!'); }
$$;
create function plus_one(i int32) returns int32 language python as $$
def plus_one(numbers):
    return [n + 1 for n in numbers]
$$;
create stream s (i int32, k string);

-- query
select i, k from s;

insert into s (i, k) values (plus_one(1), shout('a'))(plus_one(plus_one(1)) * 10, concat(shout('b'), '?'));
-- rows
--   [2, "A!"]
--   [30, "B!?"]

-- error 42
insert into s (i, k) values (plus_one(), 'a');

-- query
select c1 from values(plus_one(1), 2);
-- rows
--   [2]
--   [2]
