"""Aggregates over changelogs: the same however appends are grouped, and right at every moment."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.pipeline import Pipelines

Row = tuple[int, str, int]
APPENDS = st.lists(
    st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from("abc"), st.integers(-3, 3)),
        min_size=1,
        max_size=5,
    ),
    min_size=1,
    max_size=8,
)
GROUPED = "select k, count(), sum(v), min(v), max(v) from changelog(s, i) group by k"
CHANGES = "select k, count(), max(v), _tp_delta from changelog(s, i) group by k"
NESTED = "(select k, count() as c from changelog(s, i) group by k emit periodic 1s)"
QUERIES = (
    f"{GROUPED} emit on update",
    f"{GROUPED} emit periodic 1s",
    f"{GROUPED} emit periodic 1s on update",
    f"{CHANGES} emit changelog periodic 1s",
    f"{CHANGES} emit changelog on update",
    "select count(), group_array(v), latest(v), median(v) from changelog(s, i) emit on update",
    f"select count(), sum(c), max(c) from {NESTED} emit periodic 1s",
    "select k, v, _tp_delta from changelog(s, i, v, true)",
)


def ran(query: str, appends: list[list[Row]], *, coalesced: bool) -> list[list[tuple[Any, ...]]]:
    """What came in each of the seconds in which two appends lie."""
    pipelines = Pipelines()
    try:
        pipelines.stream("s", "i int32, k string, v int32")
        output = pipelines.query(query)
        found: list[list[tuple[Any, ...]]] = []
        pipelines.advance(500)
        for at in range(0, len(appends), 2):
            part = appends[at : at + 2]
            for commit in [part] if coalesced else [[append] for append in part]:
                pipelines.insert("s", *commit)
            pipelines.advance(1000)
            found.append(output.take())
        return found
    finally:
        pipelines.close()


@pytest.mark.parametrize("query", QUERIES)
@settings(max_examples=settings.default.max_examples // 8, deadline=None)
@given(appends=APPENDS)
def test_grouping_of_appends_changes_nothing(query: str, appends: list[list[Row]]) -> None:
    assert ran(query, appends, coalesced=True) == ran(query, appends, coalesced=False)


def groups_of(rows: dict[int, Row]) -> dict[str, tuple[int, int, int, int]]:
    found: dict[str, tuple[int, int, int, int]] = {}
    for key in sorted({row[1] for row in rows.values()}):
        values = [row[2] for row in rows.values() if row[1] == key]
        found[key] = (len(values), sum(values), min(values), max(values))
    return found


@settings(max_examples=settings.default.max_examples // 4, deadline=None)
@given(appends=APPENDS)
def test_periodic_results_are_those_of_the_current_rows(appends: list[list[Row]]) -> None:
    current: dict[int, Row] = {}
    seconds = ran(f"{GROUPED} emit periodic 1s", appends, coalesced=False)
    for at, rows in enumerate(seconds):
        for append in appends[2 * at : 2 * at + 2]:
            current.update({row[0]: row for row in append})
        assert {row[0]: row[1:] for row in rows} == groups_of(current)


@settings(max_examples=settings.default.max_examples // 4, deadline=None)
@given(appends=APPENDS)
def test_changes_add_up_to_the_current_groups(appends: list[list[Row]]) -> None:
    current: dict[int, Row] = {}
    standing: list[tuple[Any, ...]] = []
    seconds = ran(f"{CHANGES} emit changelog periodic 1s", appends, coalesced=False)
    for at, rows in enumerate(seconds):
        for append in appends[2 * at : 2 * at + 2]:
            current.update({row[0]: row for row in append})
        for *row, delta in rows:
            if delta > 0:
                standing.append(tuple(row))
            else:
                standing.remove(tuple(row))
        wanted = [(key, found[0], found[3]) for key, found in groups_of(current).items()]
        assert sorted(standing) == wanted


@settings(max_examples=settings.default.max_examples // 4, deadline=None)
@given(appends=APPENDS)
def test_an_aggregate_of_groups_sees_them_as_they_are(appends: list[list[Row]]) -> None:
    current: dict[int, Row] = {}
    query = f"select count(), sum(c), max(c) from {NESTED} emit periodic 1s"
    for at, rows in enumerate(ran(query, appends, coalesced=False)):
        for append in appends[2 * at : 2 * at + 2]:
            current.update({row[0]: row for row in append})
        counts = [found[0] for found in groups_of(current).values()]
        assert rows == [(len(counts), sum(counts), max(counts))]
