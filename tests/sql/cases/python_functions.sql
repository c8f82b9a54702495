-- A Python function gets a list for each argument, one call a batch, in a process of its own.
create stream s (i int32, k string, t datetime64(3), tags array(string));

create function joined(i int32, k string) returns string language python as $$
import math

def joined(numbers, names):
    return [f"{name}{math.factorial(number)}" for number, name in zip(numbers, names)]
$$;

create function spans(t datetime64(3), tags array(string)) returns tuple(day date, n int32)
language python as $$
def spans(times, tags):
    return [{"day": t.date(), "n": len(each)} for t, each in zip(times, tags)]
$$;

create function fails(i int32) returns int32 language python as $$
def fails(numbers):
    return [1 // n for n in numbers]
$$;

-- error 42
select joined(i) from s;

-- query
select joined(i, k) as j, spans(t, tags) as d from s where length(joined(i, k)) > 1;

insert into s (i, k, t, tags) values (3, 'a', '2020-02-29 01:02:03', ['x', 'y'])(5, '', '1969-12-31', []);
-- rows
--   ["a6", ["2020-02-29", 2]]
--   ["120", ["1969-12-31", 0]]

-- query
select joined(i, k) as j from table(s) order by j;
-- rows
--   ["120"]
--   ["a6"]

-- error 2533
select fails(i - 3) from table(s);

insert into s (i, k) select fails(i) + 1, joined(i, k) from table(s);

-- query
select i, k from table(s) where i < 2 order by k;
-- rows
--   [1, "120"]
--   [1, "a6"]
