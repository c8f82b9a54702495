"""A window aggregate that a query reads twice is run once: same rows, same order."""

from __future__ import annotations

from unittest import mock

import pytest

from engine.sql import repeats
from tests.engine.pipeline import Pipelines
from tests.engine.restarts import GO_ON, RESTART, drawn, every
from tests.engine.test_restart_any_query import run

COUNTS = (
    "with counts as (select k, count() as n, window_start as ws from tumble(s, t, 300ms) "
    "group by k, window_start)"
)
BEST = (
    f"{COUNTS}, best as (select max(n) as top, ws as at from tumble(counts, ws, 300ms) "
    "group by window_start, ws) "
)
SHARED = [
    f"{COUNTS} select a.k, a.n, b.k, b.n, a.ws from counts as a join counts as b on a.ws = b.ws",
    f"{COUNTS} select a.k, a.n, b.k from counts as a left join counts as b on a.k = b.k",
    f"{COUNTS} select a.k, b.n, c.n from counts as a join counts as b on a.ws = b.ws "
    "join counts as c on b.ws = c.ws",
    f"{BEST} select counts.k, counts.n from counts join best on counts.ws = best.at "
    "where counts.n >= best.top",
    f"{COUNTS} select a.k, a.n, b.k, d.v from counts as a join counts as b on a.ws = b.ws "
    "join d on a.k = d.k",
    f"{COUNTS} select a.k, a.n, b.k from counts as a join counts as b on a.ws = b.ws limit 3",
]
ALONE = [
    # A row of s enters between the two.
    f"{COUNTS} select a.k, b.n, s.v from counts as a join s on a.k = s.k "
    "join counts as b on a.ws = b.ws",
    # Timers of two such aggregates are two.
    f"{COUNTS[:-1]} emit timeout 30ms) select a.k from counts as a join counts as b on a.ws = b.ws",
]


def places(sql: str) -> int:
    """How many aggregates of the plan are run once for all their places."""
    pipelines = Pipelines()
    try:
        pipelines.stream("s", "k string, g int32, v int64, t datetime64(3)")
        pipelines.stream("d", "k string, g int32, v int64, t datetime64(3)")
        return len(repeats.repeated(pipelines.plan(sql).root))
    finally:
        pipelines.close()


@pytest.mark.parametrize("sql", SHARED)
@pytest.mark.parametrize("seed", range(3))
def test_gives_what_one_for_each_place_gives(sql: str, seed: int) -> None:
    assert places(sql) == 1
    found, _ = run(sql, seed, every(GO_ON))
    with (
        mock.patch("engine.physical.repeated", lambda root: frozenset()),
        mock.patch("engine.sql.repeats.repeated", lambda root: frozenset()),
    ):
        expected, _ = run(sql, seed, every(GO_ON))
    assert expected
    assert found == expected


@pytest.mark.parametrize("sql", SHARED)
def test_restarts_change_nothing(sql: str) -> None:
    expected, _ = run(sql, 1, every(GO_ON))
    assert run(sql, 1, every(RESTART))[0] == expected
    assert run(sql, 1, drawn(1))[0] == expected


@pytest.mark.parametrize("sql", ALONE)
def test_others_are_not_shared(sql: str) -> None:
    assert places(sql) == 0
