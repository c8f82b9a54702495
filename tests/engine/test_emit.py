"""Emit policies: the table's borders, ticks and versions."""

from __future__ import annotations

import pytest

from engine.emit import Policy, Ticks, Versions, policy_of
from engine.errors import SqlError
from engine.sql.plan_parts import EmitSpec


def test_clauses_that_do_not_fit_are_refused_with_80() -> None:
    for spec, windowed in ((EmitSpec("close", "closed"), False), (EmitSpec("tick", "open"), False)):
        with pytest.raises(SqlError) as refused:
            policy_of(spec, windowed=windowed)
        assert refused.value.code == 80
    with pytest.raises(SqlError):
        policy_of(EmitSpec("tick", "all", "changelog"), windowed=True)


def test_a_periodic_window_shows_all_windows() -> None:
    assert policy_of(EmitSpec("tick", "open"), windowed=True) == Policy("tick", "all")


def test_missed_ticks_become_one() -> None:
    ticks = Ticks(1_000, 100)
    assert not ticks.passed(1_099)
    assert ticks.passed(1_350)
    assert ticks.next_ms == 1_400
    assert not ticks.passed(1_399)


def test_ticks_before_the_first_row_never_were() -> None:
    ticks = Ticks(1_000, 100)
    ticks.wanted_from(1_250)
    assert ticks.next_ms == 1_300
    ticks.wanted_from(1_300)
    assert ticks.next_ms == 1_300


def test_versions_count_from_zero() -> None:
    versions = Versions()
    assert [versions.take(2), versions.take(1), versions.take(3)] == [0, 2, 3]
