-- A Python aggregate is a class with an object for each group, in streams, windows and changelogs.
create aggregate function second_best(value float64) returns float64 language python as $$
import pickle

class second_best:
    def __init__(self):
        self.top = []

    def process(self, values):
        self.top = sorted(self.top + values, reverse=True)[:2]

    def finalize(self):
        return self.top[1] if len(self.top) > 1 else -1

    def serialize(self):
        return pickle.dumps(self.top)

    def deserialize(self, data):
        self.top = pickle.loads(data)

    def merge(self, data):
        self.process(pickle.loads(data))
$$;

create aggregate function weighed(value int32) returns int64 language python as $$
class weighed:
    def __init__(self):
        self.sum = 0

    def process(self, values, weights):
        self.sum += sum(v * w for v, w in zip(values, weights))

    def finalize(self):
        return self.sum
$$;

create aggregate function rises(price float64) returns tuple(low float64, high float64)
language python as $$
class rises:
    has_customized_emit = True

    def __init__(self):
        self.last, self.found = None, []

    def process(self, prices):
        for price in prices:
            if self.last is not None and price > self.last:
                self.found.append((self.last, price))
            self.last = price
        return len(self.found)

    def finalize(self):
        found, self.found = self.found, []
        return found
$$;

create stream s (k string, v float64, t datetime64(3)) settings event_time_column = 't';
create stream kv (k string, n int32) primary key k settings mode = 'versioned_kv';

-- error 48
subscribe to select rises(v) from s;

-- query
select k, second_best(v) as b, count() as n from s group by k emit on update;

insert into s (k, v) values ('a', 1)('b', 5)('a', 3);
-- rows
--   ["a", 1, 2]
--   ["b", -1, 1]
insert into s (k, v) values ('a', 2);
-- rows
--   ["a", 2, 3]

-- query
select k, second_best(v) as b, window_start as w from tumble(s, 5s) group by k, window_start;

insert into s (k, v, t) values ('a', 1, '2020-02-02 20:00:01')('a', 7, '2020-02-02 20:00:03')
('a', 9, '2020-02-02 20:00:06');
insert into s (k, v, t) values ('b', 1, '2020-02-02 20:00:11');
-- rows
--   ["a", 1, "2020-02-02 20:00:00.000"]
--   ["a", -1, "2020-02-02 20:00:05.000"]

-- query
select weighed(n) as w from changelog(kv) emit on update;

insert into kv (k, n) values ('a', 3)('b', 4);
insert into kv (k, n) values ('a', 5);
-- rows
--   [7]
--   [9]

-- query
select k, rises(v) as r from s group by k;

insert into s (k, v) values ('x', 10)('y', 7)('x', 12)('x', 11)('x', 13);
-- rows
--   ["x", [10, 12]]
--   ["x", [11, 13]]

-- error 2534
select rises(v) from table(s);

-- query
select second_best(v) as b from table(s) where k = 'a';
-- rows
--   [7]
