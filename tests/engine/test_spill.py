"""State beyond memory: whatever lies on disk, a query gives the same rows in the same order."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from engine.flow_settings import FlowSettings
from engine.spillspace import SpillSpace
from tests.engine.pipeline import Pipelines
from tests.engine.restarts import GO_ON, Choose, drawn, every, restarts
from tests.engine.test_restart_any_query import QUERIES, played
from tests.engine.test_restart_any_query import run as in_memory

SEEDS = range(3)
_KEYED = "changelog(s, k) as s left join changelog(d, k) as d on s.k = d.k"
# What goes to disk for certain, in the ways that the queries of the restarts leave out.
MORE = [
    "select g, sum(v), count() from changelog(s, k) group by g emit periodic 20ms",
    "select g, sum(v), count() from changelog(s, k) group by g emit on update",
    "select g, sum(v), _tp_delta from changelog(s, k) group by g emit changelog periodic 20ms",
    "select k, sum(v) from s group by k emit periodic 20ms repeat",
    "select k, g, latest(v), group_array(v), count() from s group by k, g "
    "emit periodic 20ms on update",
    "select k, g, count_distinct(v), arg_min(t, v) from s partition by k group by g "
    "emit periodic 20ms",
    "select k, g, stochastic_linear_regression(1, 0, 2)(v, g) from s group by k, g "
    "emit periodic 20ms repeat",
    "select k, stochastic_linear_regression(1, 0, 2)(v, g) from hop(s, t, 200ms, 600ms) "
    "group by k, window_start",
    "select k, sum(v), window_start from hop(s, t, 200ms, 600ms) group by k, window_start",
    "select k, sum(v), window_start from hop(s, t, 200ms, 600ms) group by k, window_start "
    "emit periodic 30ms",
    "select k, latest(v), count(), window_start from tumble(s, t, 400ms) group by k, window_start "
    "emit periodic 30ms on update",
    "select k, sum(v), window_start from tumble(s, t, 400ms) group by k, window_start "
    "emit on update",
    "select k, group_array(v), window_start from tumble(s, t, 400ms) group by k, window_start "
    "emit on update with batch 100ms and timeout 5ms",
    f"select s.k, s.v, d.v, _tp_delta from {_KEYED}",
    f"select s.g, count(), sum(d.v) from {_KEYED} group by s.g emit periodic 20ms",
    "select s.k, s.v, d.v from s left join d on s.k = d.k and s.g = d.g",
    "select k, sum(v) from s group by k emit on update settings max_hot_keys = 2",
    "select distinct k, g from s",
    "select k, v, t from dedup(s, k, v)",
    "select k, v from dedup(s, k, v, 50ms)",
    "select k, v, t from dedup(s, k, v, 0s, 3)",
    "select k, v, t from dedup(s, k, 80ms, 2)",
]


def spilling(sql: str, seed: int, choose: Choose, folder: Path) -> tuple[list[Any], int]:
    """Emissions of a query that may keep next to nothing in memory, and files written."""
    written = 0
    write = SpillSpace.write

    def counted(self: SpillSpace, *args: Any) -> Any:
        nonlocal written
        written += 1
        return write(self, *args)

    settings = FlowSettings(
        batch_rows_max=3 if seed % 3 == 0 else 10_000,
        state_memory_bytes_max=1,
        spill_folder=folder,
    )
    with restarts(choose), mock.patch.object(SpillSpace, "write", counted):
        pipelines = Pipelines(settings)
        try:
            return played(pipelines, sql, seed), written
        finally:
            pipelines.close()


@pytest.mark.turns(2)
@pytest.mark.parametrize("sql", QUERIES)
def test_any_query_with_state_on_disk(sql: str, tmp_path: Path) -> None:
    for seed in SEEDS:
        plain, _ = in_memory(sql, seed, every(GO_ON))
        found, _ = spilling(sql, seed, drawn(seed) if seed else every(GO_ON), tmp_path)
        assert found == plain, f"seed {seed}"


@pytest.mark.turns(2)
@pytest.mark.parametrize("sql", MORE)
def test_state_that_goes_to_disk(sql: str, tmp_path: Path) -> None:
    for seed in SEEDS:
        plain, _ = in_memory(sql, seed, every(GO_ON))
        found, written = spilling(sql, seed, drawn(seed) if seed else every(GO_ON), tmp_path)
        assert found == plain, f"seed {seed}"
        assert written
        assert not list(tmp_path.rglob("*.arrow")), "files of an ended query"


def filled(settings: FlowSettings, sql: str) -> tuple[int, int, int]:
    """The most bytes of state in memory, keys in memory at the end, and rows on disk, of a query
    over 100,000 keys."""
    pipelines = Pipelines(settings)
    try:
        pipelines.stream("s", "k int64, v int64")
        output = pipelines.query(sql)
        most = 0
        for first in range(0, 100_000, 5_000):
            pipelines.insert("s", [(key * 7919, 1) for key in range(first, first + 5_000)])
            graph = pipelines.flow._lives.running["q1"].graph
            space = pipelines.flow._lives.running["q1"].spill
            assert space is not None
            most = max(most, graph.held().bytes - space.disk_bytes)
        aggregate = graph.nodes[0].operator
        here, away = aggregate._groups.keys.table.live, aggregate._spill.size.rows
        pipelines.advance(1_000)
        assert output.error is None
        assert sorted(row[0] for row in output.all()) == [key * 7919 for key in range(100_000)]
        return most, here, away
    finally:
        pipelines.close()


def test_memory_stays_within_its_budget(tmp_path: Path) -> None:
    sql = "select k, sum(v) from s group by k emit periodic 1s"
    budget = 3 << 20
    whole, here, away = filled(FlowSettings(spill_folder=tmp_path), sql)
    assert (here, away) == (100_000, 0)
    most, here, away = filled(
        FlowSettings(state_memory_bytes_max=budget, spill_folder=tmp_path), sql
    )
    assert most <= budget < whole
    assert here + away >= 100_000 > here


def test_state_that_cannot_leave_the_memory_has_a_quarter_of_the_limit(tmp_path: Path) -> None:
    settings = FlowSettings(
        state_bytes_max=4 << 20, state_memory_bytes_max=1 << 10, spill_folder=tmp_path
    )
    pipelines = Pipelines(settings)
    pipelines.stream("s", "k int64, v int64")
    output = pipelines.query("select k, lag(v) over (partition by k) from s")
    pipelines.insert("s", [(key, 1) for key in range(30_000)])
    assert output.error is not None and output.error.code == 241
    assert "cannot go to disk, more than 1048576" in output.error.message
    pipelines.close()


def test_operators_share_the_limit_of_their_query(tmp_path: Path) -> None:
    inner = "select distinct k, v from s"
    sql = "select k, v from dedup((select distinct k, v from s), k, 0s, 1000000)"
    sizes: list[int] = []
    for query in (inner, sql):
        pipelines = Pipelines(FlowSettings(spill_folder=tmp_path))
        pipelines.stream("s", "k int64, v int64")
        output = pipelines.query(query)
        pipelines.insert("s", [(key, 1) for key in range(9_000)])
        assert output.error is None
        sizes.append(pipelines.flow._lives.running["q1"].graph.held().bytes)
        pipelines.close()
    either, both = sizes
    settings = FlowSettings(state_bytes_max=(either + both) // 2, spill_folder=tmp_path)
    for query, code in ((inner, None), (sql, 241)):
        pipelines = Pipelines(settings)
        pipelines.stream("s", "k int64, v int64")
        output = pipelines.query(query)
        pipelines.insert("s", [(key, 1) for key in range(9_000)])
        assert (output.error.code if output.error else None) == code
        pipelines.close()


@pytest.mark.parametrize(
    ("sql", "memory", "again"),
    [
        ("select distinct k, v from s", 1 << 20, 0),
        ("select s.k, r.v from s inner join changelog(r, k) as r on s.k = r.k", 4 << 20, 40_000),
    ],
)
def test_looking_keys_up_writes_nothing(sql: str, memory: int, again: int, tmp_path: Path) -> None:
    rows = [[(key * 7919, 1) for key in range(at, at + 4_000)] for at in range(0, 40_000, 4_000)]
    pipelines = Pipelines(FlowSettings(state_memory_bytes_max=memory, spill_folder=tmp_path))
    for name in "sr":
        pipelines.stream(name, "k int64, v int64")
    output = pipelines.query(sql)
    for part in rows:
        pipelines.insert("r", part)
    for part in rows:
        pipelines.insert("s", part)
    space = pipelines.flow._lives.running["q1"].spill
    assert space is not None
    first, writes, peeks = len(output.all()), space.writes, space.peeks
    assert first == 40_000
    assert writes
    for part in rows:
        pipelines.insert("s", part)
    assert output.error is None
    assert len(output.all()) - first == again
    assert space.writes - writes <= 32, "keys that were still new, no others"
    assert space.peeks > peeks
    pipelines.close()


def test_keys_beyond_max_hot_keys_leave_the_memory(tmp_path: Path) -> None:
    sql = "select k, sum(v) from s group by k emit periodic 1s settings max_hot_keys = 20000"
    _, here, away = filled(FlowSettings(spill_folder=tmp_path), sql)
    assert here <= 20_000
    assert here + away == 100_000
