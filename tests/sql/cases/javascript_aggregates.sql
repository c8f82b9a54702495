-- A JavaScript aggregate keeps an object per group; over a changelog it may ask for the weights.
create stream s (k string, v float32, t datetime64(3)) settings event_time_column = 't';

create aggregate function second_largest(value float32) returns float32 language javascript as $$
{
  initialize: function() { this.max = -1.0; this.sec = -1.0; },
  process: function(values) {
    for (let i = 0; i < values.length; i++) {
      if (values[i] > this.max) { this.sec = this.max; this.max = values[i]; }
      if (values[i] < this.max && values[i] > this.sec) this.sec = values[i];
    }
  },
  finalize: function() { return this.sec; },
  serialize: function() { return JSON.stringify({max: this.max, sec: this.sec}); },
  deserialize: function(text) { const s = JSON.parse(text); this.max = s.max; this.sec = s.sec; },
  merge: function(text) { this.process([JSON.parse(text).max, JSON.parse(text).sec]); }
}
$$;

create aggregate function rows_left(value float32) returns int64 language javascript as $$
{
  initialize() { this.count = 0; },
  process(values, deltas) {
    for (let i = 0; i < values.length; i++) this.count += deltas === undefined ? 100 : deltas[i];
  },
  finalize() { return this.count; }
}
$$;

create aggregate function pairs(v float32) returns tuple(a float32, b float32)
language javascript as $$
{
  has_customized_emit: true,
  initialize() { this.last = null; this.made = []; },
  process(values) {
    for (const v of values) {
      if (this.last === null) this.last = v;
      else { this.made.push({a: this.last, b: v}); this.last = null; }
    }
    return this.made.length;
  },
  finalize() { const made = this.made; this.made = []; return made; }
}
$$;

create aggregate function throwing(v float32) returns float32 language javascript as $$
{ process(v) { throw new Error('no way'); }, finalize() { return 1; } }
$$;

-- query
select k, second_largest(v) as s, count() as c, rows_left(v) filter (where v > 1) as r from s group by k emit on update;

insert into s (k, v) values ('a', 4)('b', 7)('a', 2);
-- rows
--   ["a", 2, 2, 200]
--   ["b", -1, 1, 100]

insert into s (k, v) values ('b', 1)('b', 9);
-- rows
--   ["b", 7, 3, 200]

-- query
select second_largest(v) as s from s;

insert into s (k, v) values ('a', 4)('b', 7);
-- wait 2s
-- rows
--   [4]

-- query
select k, second_largest(v) as s, window_start from tumble(s, 5s) group by k, window_start;

insert into s (k, v, t) values ('a', 4, '2020-01-01 00:00:01')('a', 3, '2020-01-01 00:00:02');
insert into s (k, v, t) values ('a', 1, '2020-01-01 00:00:06');
-- rows
--   ["a", 3, "2020-01-01 00:00:00.000"]

-- query
select k, second_largest(v) over (partition by t) as s from s group by k emit on update;

insert into s (k, v) values ('q', 4);
-- rows
--   ["q", -1]

-- query
select k, second_largest(v) as s from table(s) group by k order by k;
-- rows
--   ["a", 3]
--   ["b", 7]
--   ["q", -1]
-- end

-- query
select rows_left(v) as n from changelog(s, k) emit on update;

insert into s (k, v) values ('a', 4)('b', 7);
-- rows
--   [2]

insert into s (k, v) values ('a', 5);
-- rows
--   [2]

-- query
select k, p.a, p.b from (select k, pairs(v) as p from s group by k);

insert into s (k, v) values ('a', 1)('b', 2)('a', 3)('a', 4)('a', 5);
-- rows
--   ["a", 1, 3]
--   ["a", 4, 5]

insert into s (k, v) values ('b', 6);
-- rows
--   ["b", 2, 6]

-- error 48
select k, pairs(v), count() from s group by k;

-- error 53
select pairs(v), window_start from tumble(s, 5s) group by window_start;

-- error 2534
select k, pairs(v) as p from table(s) group by k;

-- error 80
select k, pairs(v) as p from s group by k emit periodic 1s;

-- error 503
select throwing(v) as p from table(s);

-- error 36
create aggregate function none(v float32) returns float32 language javascript as $$ { process() {} } $$;
