-- A JavaScript function gets arrays of a batch's values and returns an array of as many results.
create stream s (i int32, f32 float32, t datetime64(3), name string, tags array(string));

create function add_five(value float32) returns float32 language javascript as $$
  function add_five(value) {
    for (let i = 0; i < value.length; i++) value[i] = value[i] + 5;
    return value;
  }
$$;

create function spread(n int32, name string) returns tuple(n int64, names array(string))
language javascript as $$
  const spread = (ns, names) => ns.map((n, at) => ({n: n * 2, names: [names[at], 'x']}));
$$;

create function day_after(t datetime64(3)) returns datetime64(3) language javascript as $$
  function day_after(times) { return times.map(t => new Date(t.getTime() + 86400000)); }
$$;

create function bad(i int32) returns int32 language javascript as $$
  function bad(values) {
    return values.map(v => v.x.y);
  }
$$;

create function silent(i int32) returns int32 language javascript as $$ function silent(v) {} $$;

-- query
select add_five(f32), add_five(i) * 2 as d, spread(i, name).names as n, day_after(t) as u from s where add_five(i) > 6;
-- columns add_five(f32) float32 | d float64 | n array(string) | u datetime64(3)

insert into s (i, f32, t, name) values (1, 1.5, '2020-01-01', 'a')(2, 2.5, '2020-02-28 10:00:00.123', 'b');
-- rows
--   [7.5, 14, ["b", "x"], "2020-02-29 10:00:00.123"]

-- query
select name, add_five(sum(f32)) as s5, max(add_five(i)) as m from table(s) group by name order by name;
-- rows
--   ["a", 6.5, 6]
--   ["b", 7.5, 7]
-- end

-- query
select spread(i, name) as p, add_five(f32) as v from table(s) order by i;
-- rows
--   [[2, ["a", "x"]], 6.5]
--   [[4, ["b", "x"]], 7.5]
-- end

create view fives as select name, add_five(i) as five from s;

-- query
select five from table(fives) where name = 'b';
-- rows
--   [7]
-- end

-- query
select add_five(1) as a, add_five('2') as b;
-- rows
--   [6, 7]
-- end

-- query
describe (select add_five(1) as a);
-- rows
--   ["a", "float32", "", "", "", "", ""]
-- end

-- error 42
select add_five(1, 2);

-- error 43
select add_five([1, 2]);

-- query
select lag(add_five(i)) as l from s;

insert into s (i) values (1)(2);
-- rows
--   [0]
--   [6]

-- query
select add_five(lag(i)) as m from s where add_five(i) > 6;

insert into s (i) values (1)(2)(3);
-- rows
--   [5]
--   [7]

-- error 48
select lag(add_five(i)) as l, add_five(lag(i)) as m from s;

-- query
select name, add_five(count()) as c, add_five(i) as k from s group by k, name emit on update;

insert into s (i, name) values (1, 'n');
-- rows
--   ["n", 6, 6]

-- error 2533
create function broken(i int32) returns int32 language javascript as $$ function broken(v { $$;

-- error 36
create function other(i int32) returns int32 language javascript as $$ function another(v) {} $$;

-- Names of streams may begin with a digit.
create stream 023_types (f32 float32);
insert into 023_types (f32) values (1);
-- query
select add_five(f32) from table(023_types);
-- rows
--   [6]
