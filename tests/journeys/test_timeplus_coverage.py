"""Every public name of the official Python client has a test that uses it, or a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.timeplus_calls import PARTS, PLAIN, REFUSED, everything, expected


def test_every_public_name_has_a_test_or_a_reason() -> None:
    parts = [part for named in PARTS.values() for part in named.split()]
    assert len(parts) == len(set(parts))
    assert set(parts).isdisjoint(PLAIN)
    assert {*parts, *PLAIN} == everything().keys()


def test_what_is_named_refused_exists() -> None:
    assert set().union(*everything().values()) >= REFUSED.keys()


@pytest.mark.parametrize("module", PARTS)
def test_each_module_proves_its_part(module: str) -> None:
    assert expected(module)
    text = (Path(__file__).parent / f"{module}.py").read_text()
    assert "recording()" in text
    assert "check(" in text
