"""Queries of every kind of operator, restarted at random steps: same rows, same order."""

from __future__ import annotations

import random
from typing import Any

import pytest

from engine.flow_settings import FlowSettings
from tests.engine.pipeline import Pipelines
from tests.engine.restarts import GO_ON, RESTART, Choose, drawn, every, restarts
from tests.engine.test_against_reference import BASE, time_of

QUERIES = [
    # flat
    "select k, v, rand() as r from s where v > 2",
    "select distinct k, g from s",
    "select k, v from s limit 2 by k",
    "select k, v from s limit 7 offset 2",
    "select k, v from s where v > 1 union all select k, g from d",
    "select k, v, lag(v), lag(v, 2) from s",
    "select k, v, row_number(), lags(v, 1, 2) from s",
    "select k, v, row_number() over (partition by k) from s",
    "select k, v, t from dedup(s, k, v)",
    "select k, v from dedup(s, k, 1s)",
    "select k, v, window_start, window_end from hop(s, t, 200ms, 600ms)",
    # aggregates
    "select k, count(), avg(v), min(v), max(v), latest(v), earliest(g) from s group by k "
    "emit periodic 20ms",
    "select k, sum(v), group_array(v), count_distinct(g) from s group by k emit on update",
    "select k, top_k(v, 2), quantile(v, 0.5), arg_max(g, v) from s group by k emit periodic 14ms",
    "select k, stochastic_linear_regression(1, 0, 4)(v, g), _tp_delta from s group by k "
    "emit changelog periodic 14ms",
    "select count(), max(v), _tp_delta from s emit changelog periodic 20ms",
    "select k, sum(v), _tp_delta from s group by k emit changelog periodic 20ms",
    "select max(n), count() from "
    "(select k, count() as n from s group by k emit changelog periodic 20ms) emit periodic 20ms",
    "select k, count() from s group by k emit periodic 12ms repeat",
    "select k, count() from s partition by k emit periodic 20ms",
    "select k, sum(v) as x from s group by k order by x desc limit 2 by k emit periodic 20ms",
    # windows
    "select k, sum(v), window_start from tumble(s, t, 500ms) group by k, window_start",
    "select sum(v), group_array(v), window_end from hop(s, t, 200ms, 500ms) group by window_end",
    "select k, median(v), window_start from hop(s, t, 200ms, 600ms) group by k, window_start "
    "emit on update",
    "select k, count(), window_start from tumble(s, t, 500ms) partition by k "
    "group by k, window_start emit after watermark and timeout 30ms",
    "select k, count(), window_start from tumble(s, 40ms) group by k, window_start",
    "select k, count(), window_start, window_end from session(s, t, 300ms) partition by k "
    "group by k, window_start, window_end",
    "select k, sum(v), window_start, window_end from session(s, 20ms) "
    "group by k, window_start, window_end",
    "select lag(n), n from (select count() as n, window_start from tumble(s, t, 300ms) "
    "group by window_start)",
    # changelogs and joins
    "select k, v, _tp_delta from changelog(s, k)",
    "select sum(v), count(), max(v), min(v) from changelog(s, k) emit periodic 20ms",
    "select g, max(v), group_array(v), count() from changelog(s, k) group by g emit on update",
    "select s.k, s.v, d.v from s join d on s.k = d.k and date_diff_within(300ms, s.t, d.t)",
    "select s.k, s.v, d.v from s join d on s.k = d.k",
    "select s.k, s.v, d.v from s left join changelog(d, k) as d on s.k = d.k",
    "select s.k, s.v, d.v from s asof join d on s.k = d.k and s.t >= d.t",
    "select s.k, s.v, d.v from s left latest join d on s.k = d.k",
    "select k, count() from (select s.k as k from s join d on s.k = d.k) group by k "
    "emit periodic 20ms",
]
SEEDS = range(3)  # at 0 appends come in slices


def events(seed: int) -> list[int | tuple[str, list[tuple[Any, ...]]]]:
    """Appends to the two streams, and pauses."""
    values = random.Random(seed)
    made: list[int | tuple[str, list[tuple[Any, ...]]]] = [1]
    now = 0
    for _ in range(24):
        if values.random() < 0.3:
            made.append(2 * values.randrange(1, 20))
            continue
        now += values.randrange(120)
        rows = [
            (
                values.choice(["a", "b", "c", "a text longer than sixteen bytes"]),
                values.randrange(3),
                values.randrange(-3, 9),
                time_of(BASE + now + values.randrange(-200, 200)),
            )
            for _ in range(values.randrange(6))
        ]
        made.append((values.choice("sssd"), rows))
    return made


def played(pipelines: Pipelines, sql: str, seed: int) -> list[Any]:
    """What the query sends over the events of a seed."""
    for name in ("s", "d"):
        pipelines.stream(name, "k string, g int32, v int64, t datetime64(3)")
    output = pipelines.query(sql)
    for event in events(seed):
        if isinstance(event, int):
            pipelines.advance(event)
        elif event[1]:
            pipelines.insert(event[0], event[1])
    pipelines.advance(61)
    assert output.error is None, output.error
    return output.emissions()


def run(sql: str, seed: int, choose: Choose) -> tuple[list[Any], dict[str, int]]:
    with restarts(choose) as done:
        pipelines = Pipelines(FlowSettings(batch_rows_max=3 if seed % 3 == 0 else 10_000))
        try:
            return played(pipelines, sql, seed), done
        finally:
            pipelines.close()


@pytest.mark.turns(2)
@pytest.mark.parametrize("sql", QUERIES)
def test_restarts_change_nothing(sql: str) -> None:
    rows = restarted = 0
    for seed in SEEDS:
        plain, _ = run(sql, seed, every(GO_ON))
        rows += sum(len(emission) for emission in plain)
        found, done = run(sql, seed, drawn(seed) if seed else every(RESTART))
        restarted += done[RESTART]
        assert found == plain, f"seed {seed}"
    assert rows
    assert restarted
