"""EMIT CHANGELOG of windows equals the plain emissions of the same query, told as changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.engine.restarts import GO_ON, drawn, every
from tests.engine.test_restart_any_query import run
from tests.engine.test_spill import spilling

SEEDS = range(2)
# The keys of a row, its other columns, and FROM.
WINDOWS = [
    ("k, window_start", "sum(v), max(t), count()", "tumble(s, t, 500ms)"),
    ("k, window_start", "group_array(v), latest(k)", "tumble(s, t, 500ms)"),
    ("k, window_start", "median(v), min(k)", "hop(s, t, 200ms, 600ms)"),
    ("g, window_start", "sum(v), max(k)", "tumble(changelog(s, k), t, 900ms)"),
    ("k, window_start", "sum(v), count_distinct(g)", "tumble(changelog(s, k), 40ms)"),
]
SESSIONS = [
    ("k, window_start", "sum(v), window_end", "session(s, t, 300ms)"),
    ("k, window_start", "count(), window_end", "session(s, 20ms)"),
]
TIMES = ["on update", "periodic 30ms on update"]


def _queries(keys: str, values: str, source: str, policy: str) -> tuple[str, str]:
    groups = f"{keys}, window_end" if "window_end" in values else keys
    text = f"select {keys}, {values}{{}} from {source} group by {groups} emit {{}}{policy}"
    return text.format("", ""), text.format(", _tp_delta", "changelog ")


def told(emissions: list[Any], keys: int) -> list[Any]:
    """Plain emissions of changed rows as changes: the row sent last of the same name goes."""
    stands: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    made: list[Any] = []
    for emission in emissions:
        rows: list[Any] = []
        for row in emission:
            before = stands.get(tuple(row[:keys]))
            rows += [] if before is None else [(*before, -1)]
            rows.append((*row, 1))
            stands[tuple(row[:keys])] = tuple(row)
        made.append(rows)
    return made


def _vanishing(source: str) -> bool:
    return "changelog(" in source


@pytest.mark.turns(2)
@pytest.mark.parametrize("policy", TIMES)
@pytest.mark.parametrize(("keys", "values", "source"), [*WINDOWS, *SESSIONS])
def test_pairs_of_what_is_sent_plainly(keys: str, values: str, source: str, policy: str) -> None:
    plain, changes = _queries(keys, values, source, policy)
    for seed in SEEDS:
        found, _ = run(changes, seed, every(GO_ON))
        wanted, _ = run(plain, seed, every(GO_ON))
        if not _vanishing(source):
            assert found == told(wanted, 2), f"seed {seed}"
        else:
            stands = _stands(found, 2)
            assert stands
            shown = {tuple(row[:2]): tuple(row) for emission in wanted for row in emission}
            assert stands.items() <= shown.items(), f"seed {seed}"


def _stands(emissions: list[Any], keys: int) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """The rows that are left; each that goes stood exactly so, and no name stands twice."""
    rows: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for emission in emissions:
        for *row, weight in emission:
            name = tuple(row[:keys])
            if weight < 0:
                assert rows.pop(name) == tuple(row)
            else:
                assert name not in rows
                rows[name] = tuple(row)
    return rows


@pytest.mark.turns(2)
@pytest.mark.parametrize("policy", TIMES)
@pytest.mark.parametrize(("keys", "values", "source"), [*WINDOWS, *SESSIONS])
def test_restarts_and_state_on_disk_change_nothing(
    keys: str, values: str, source: str, policy: str, tmp_path: Path
) -> None:
    _, sql = _queries(keys, values, source, policy)
    for seed in SEEDS:
        wanted, _ = run(sql, seed, every(GO_ON))
        assert wanted, f"seed {seed}"
        assert run(sql, seed, drawn(seed))[0] == wanted, f"seed {seed}"
        assert spilling(sql, seed, drawn(seed), tmp_path)[0] == wanted, f"seed {seed}"
