"""The state of a whole graph: it costs what changed, and fits graphs of its own kind alone."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pyarrow as pa
import pytest

import engine.lives
from engine.checkpoint import StateDelta
from engine.checkpoints import as_written
from engine.graph import Graph, StateUnfit
from engine.physical import Built, build
from tests.engine.pipeline import Pipelines, at

KEYS = 5_000
QUERIES = [
    "select k, count(), sum(v), min(v) from s group by k emit periodic 1h",
    "select k, count(), latest(v) from s group by k emit on update",
    "select count(), count_distinct(k), group_array(v) from s emit periodic 1h",
    "select k, max(v) from tumble(s, t, 1h) group by k, window_start",
    "select k, sum(v) from hop(s, t, 10m, 60m) group by k, window_start",
    "select k, sum(v) from hop(s, t, 10m, 60m) group by k, window_start emit on update",
    "select k, sum(v) from tumble(s, t, 1h) partition by k group by k, window_start",
    "select k, sum(v) from session(s, t, 1h) partition by k group by k, window_start, window_end",
    "select distinct k from s",
    "select k, lag(v) from s partition by k",
    "select k, v from dedup(s, k)",
    "select s.k, d.v from s join d on s.k = d.k",
]


def rows_of(deltas: list[StateDelta | None]) -> int:
    """Rows of all tables, and the items of their lists."""
    tables = [rows for d in deltas if d is not None for rows in d.tables.values()]
    lists = [c for rows in tables for c in rows.columns if pa.types.is_list(c.type)]
    return sum(rows.num_rows for rows in tables) + sum(len(c.flatten()) for c in lists)


def started(sql: str) -> tuple[Pipelines, Graph]:
    pipelines = Pipelines()
    for name in ("s", "d"):
        pipelines.stream(name, "k string, v int64, t datetime64(3)")
    made: list[Built] = []

    def noted(*args: Any, **more: Any) -> Built:
        made.append(build(*args, **more))
        return made[-1]

    with mock.patch.object(engine.lives, "build", noted):
        pipelines.query(sql)
    return pipelines, made[0].graph


@pytest.mark.parametrize("sql", QUERIES)
def test_changes_cost_what_changed(sql: str) -> None:
    pipelines, graph = started(sql)
    try:
        time = at("20:00:00")
        for name in ("d", "s"):
            pipelines.insert(name, [(f"key {n} of some length", n, time) for n in range(KEYS)])
        # The first is the whole state, whatever is asked.
        assert rows_of(graph.changes(full=False)) >= KEYS
        assert rows_of(graph.changes(full=False)) == 0
        rows = [(f"key {n} of some length", n, time) for n in (3, 4_000, 10_000)]
        pipelines.insert("s", rows)
        assert 0 < rows_of(graph.changes(full=False)) <= 60
        assert rows_of(graph.changes(full=False)) == 0
        assert rows_of(graph.changes(full=True)) >= KEYS
    finally:
        pipelines.close()


def test_a_state_fits_no_graph_of_another_kind() -> None:
    first, graph = started(QUERIES[0])
    first.insert("s", [("a", 1, at("20:00:00"))])
    state = as_written(graph.changes(full=True))
    try:
        for sql in (QUERIES[1], QUERIES[3], "select k, v from s limit 3"):
            other, graph = started(sql)
            with pytest.raises(StateUnfit):
                graph.restore(state)
            other.close()
        again, graph = started(QUERIES[0])
        graph.restore(state)
        assert graph.held().rows == 1
        again.close()
    finally:
        first.close()
