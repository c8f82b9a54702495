-- random_in_type takes a maximum and a lambda over what was drawn: a number for times and texts.
create random stream r (a int default random_in_type('int', 3, x -> x * 10), t datetime64(3) default random_in_type('datetime64(3)', 365, x -> to_time('2023-6-17') + interval x day), k string default random_in_type('string', 3, x -> ['a', 'b', 'c'][x + 1]), u default ['x', 'y'][rand() % 2 + 1]) settings eps = 10;

-- query
select a in (0, 10, 20) as p, t >= to_time('2023-06-17') and t < to_time('2024-06-16') as q, k in ('a', 'b', 'c') as s, u in ('x', 'y') as v from r limit 2;
-- wait 2s
-- rows
--   [true, true, true, true]
--   [true, true, true, true]
-- end
