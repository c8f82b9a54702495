"""Every example through the planner: what users write gives what the reference page says."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from engine.duck import Session
from engine.functions.table import NOW_MS, SEED, Example
from engine.sql.planner import Planner
from tests.engine.functions.evaluator import as_json, equal
from tests.engine.functions.test_examples import EXAMPLES

# Operators of the grammar: as functions they only stand for completeness of the table.
_OPERATORS = ("and(", "or(", "like(", "ilike(")
PLANNED = [e for e in EXAMPLES if not e.sql.startswith(_OPERATORS)]


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session()
    yield opened
    opened.close()


@pytest.mark.parametrize("example", PLANNED, ids=lambda e: e.sql)
def test_planned_example(session: Session, example: Example) -> None:
    bounded = Planner(lambda name: None).plan(f"select {example.sql}").bounded
    assert bounded is not None
    sql = bounded.sql.replace(NOW_MS, "1700000000123").replace(SEED, "42")
    value = session.query(sql).column(0).to_pylist()[0]
    shown = as_json(value, bounded.schema[0].type)
    assert equal(shown, json.loads(example.value)), shown
