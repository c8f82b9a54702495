"""State of JavaScript aggregates: through checkpoints, windows, changelogs; and their limits."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from engine.errors import Code, SqlError
from engine.udf.javascript import AGGREGATE_FAILED
from tests.engine.pipeline import Pipelines, at
from tests.engine.restarts import RESTART, drawn, every, restarts

SECOND = """
create aggregate function second_largest(v float64) returns float64 language javascript as $$
{
  initialize() { this.values = []; },
  process(values) {
    this.values = this.values.concat(values).sort((a, b) => b - a).slice(0, 2);
  },
  finalize() { return this.values.length > 1 ? this.values[1] : -1; },
  serialize() { return JSON.stringify(this.values); },
  deserialize(text) { this.values = JSON.parse(text); }
}
$$"""
LEFT = """
create aggregate function rows_left(v float64) returns int64 language javascript as $$
{
  initialize() { this.n = 0; },
  process(values, weights) { for (const w of weights) this.n += w; },
  finalize() { return this.n; },
  serialize() { return String(this.n); },
  deserialize(text) { this.n = Number(text); }
}
$$"""
PAIRS = """
create aggregate function pairs(v float64) returns array(float64) language javascript as $$
{
  has_customized_emit: true,
  initialize() { this.open = []; this.made = []; },
  process(values) {
    for (const v of values) {
      this.open.push(v);
      if (this.open.length == 2) { this.made.push(this.open); this.open = []; }
    }
    return this.made.length;
  },
  finalize() { const made = this.made; this.made = []; return made; },
  serialize() { return JSON.stringify(this.open); },
  deserialize(text) { this.open = JSON.parse(text); }
}
$$"""
FORGETFUL = """
create aggregate function forgetful(v float64) returns float64 language javascript as $$
{ process(v) {}, finalize() { return Math.random(); } }
$$"""


@pytest.fixture
def pipelines() -> Iterator[Pipelines]:
    made = Pipelines()
    made.stream("s", "k string, v float64, _tp_time datetime64(3)")
    for sql in (SECOND, LEFT, PAIRS, FORGETFUL):
        made.function(sql)
    yield made
    made.close()


def run(sql: str, appends: list[list[tuple[str, float, int]]]) -> list[tuple[object, ...]]:
    made = Pipelines()
    made.stream("s", "k string, v float64, _tp_time datetime64(3)")
    for create in (SECOND, LEFT, PAIRS):
        made.function(create)
    found = made.query(sql)
    for rows in appends:
        made.insert("s", [(k, v, at(f"20:00:{t:02}")) for k, v, t in rows])
        made.advance(700)
    result = found.all()
    made.close()
    return result


@pytest.mark.parametrize(
    "sql",
    [
        "select k, second_largest(v), count() from s group by k emit on update",
        "select k, second_largest(v) from s group by k",
        "select k, second_largest(v), window_start from hop(s, 2s, 4s) group by k, window_start",
        "select k, second_largest(v), window_end from session(s, 1s) group by k, window_end",
        "select k, pairs(v) from s group by k",
        "select rows_left(v), sum(v) from changelog(s, k) emit on update",
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_state_survives_checkpoints_between_steps(sql: str, seed: int) -> None:
    chance = random.Random(seed)
    appends = [
        [("abc"[chance.randrange(3)], float(chance.randrange(100)), t) for _ in range(1 + t % 3)]
        for t in range(12)
    ]
    plain = run(sql, appends)
    assert plain
    with restarts(drawn(seed)):
        assert run(sql, appends) == plain
    with restarts(every(RESTART)) as done:
        assert run(sql, appends) == plain
    assert done[RESTART] > 5


def test_what_cannot_be_kept_is_refused_where_state_must_last(pipelines: Pipelines) -> None:
    create = "create materialized view m as select forgetful(v) as f from s"
    for sql in ("subscribe to select forgetful(v) from s", create):
        with pytest.raises(SqlError, match="forgetful") as refused:
            pipelines.planner.plan(sql)
        assert refused.value.code == Code.NOT_IMPLEMENTED
    pipelines.planner.plan("subscribe to select second_largest(v) from s")


def test_an_aggregate_that_throws_ends_the_query_with_its_line(pipelines: Pipelines) -> None:
    pipelines.function(
        "create aggregate function throwing(v float64) returns float64 language javascript as $$\n"
        "{\n  process(values) {\n    throw new Error('no ' + values[0]);\n  },\n"
        "  finalize() { return 1; }\n}\n$$"
    )
    found = pipelines.query("select k, throwing(v) from s group by k")
    pipelines.insert("s", [("a", 7.0, at("20:00:00"))])
    assert found.error is not None
    assert found.error.code == AGGREGATE_FAILED
    assert "Function throwing failed: Error: no 7 (line 3" in found.error.message
