"""A query whose state goes through checkpoints between its steps gives the same rows in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.engine.reference import Query
from tests.engine.restarts import drawn, restarts
from tests.engine.test_against_reference import (
    SETTINGS,
    Event,
    events,
    global_queries,
    groupings,
    run_engine,
    session_queries,
    sql_of,
    window_queries,
)

seeds = st.integers(0, 1 << 30)


def check(query: Query, given_events: list[Event], grouping: int, seed: int) -> None:
    plain = run_engine(query, given_events, grouping)
    with restarts(drawn(seed)):
        assert run_engine(query, given_events, grouping) == plain, sql_of(query)


@SETTINGS
@given(global_queries(), events, groupings, seeds)
def test_global_aggregates(query: Query, given: list[Event], grouping: int, seed: int) -> None:
    check(query, given, grouping, seed)


@SETTINGS
@given(window_queries(), events, groupings, seeds)
def test_windows(query: Query, given: list[Event], grouping: int, seed: int) -> None:
    check(query, given, grouping, seed)


@SETTINGS
@given(session_queries(), events, groupings, seeds)
def test_sessions(query: Query, given: list[Event], grouping: int, seed: int) -> None:
    check(query, given, grouping, seed)
