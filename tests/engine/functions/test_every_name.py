"""Every name that can be called, aliases too, has an example, and the example holds under it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from engine.duck import Session
from engine.functions import registry
from engine.functions.table import NOW_MS, SEED, Aggregate, Scalar
from engine.sql.planner import Planner
from tests.engine.functions.evaluator import as_json, equal

# Operators of the grammar stand for completeness only; array_join makes rows (see its fixture).
LEFT_OUT = ("and", "or", "not", "like", "ilike", "array_join", "interval")
SCALARS = [
    (name, entry)
    for family in registry.SCALAR_FAMILIES.values()
    for entry in family
    for name in (entry.name, *entry.aliases)
    if name not in LEFT_OUT
]
AGGREGATES = [
    (name, entry)
    for family in registry.AGGREGATE_FAMILIES.values()
    for entry in family
    for name in (entry.name, *entry.aliases)
]
ROWS = "values('id int32, x int64, s string', (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c'), (4, 2, 'b'))"


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session()
    yield opened
    opened.close()


def called(entry: Scalar | Aggregate, name: str) -> list[tuple[str, object]]:
    """The entry's examples with another of its names, and their values."""
    names = "|".join(map(re.escape, (entry.name, *entry.aliases)))
    found: list[tuple[str, object]] = []
    for example in entry.examples:
        sql, count = re.subn(rf"\b({names})\(", f"{name}(", example.sql)
        assert count, f"the example of {name} does not call it: {example.sql}"
        found.append((sql, json.loads(example.value)))
    assert found, f"{name} has no example"
    return found


def value(session: Session, sql: str) -> object:
    bounded = Planner(lambda name: None).plan(sql).bounded
    assert bounded is not None
    ready = bounded.sql.replace(NOW_MS, "1700000000123").replace(SEED, "42")
    found = session.query(ready).column(0).to_pylist()[0]
    return as_json(found, bounded.schema[0].type)


@pytest.mark.parametrize(("name", "entry"), SCALARS, ids=lambda e: e if isinstance(e, str) else "")
def test_scalar(session: Session, name: str, entry: Scalar) -> None:
    for sql, wanted in called(entry, name):
        found = value(session, f"select {sql}")
        assert equal(found, wanted), (sql, found)


@pytest.mark.parametrize(
    ("name", "entry"), AGGREGATES, ids=lambda e: e if isinstance(e, str) else ""
)
def test_bounded_aggregate(session: Session, name: str, entry: Aggregate) -> None:
    for sql, wanted in called(entry, name):
        found = value(session, f"select {sql} from {ROWS}")
        assert equal(found, wanted), (sql, found)


def conditional(sql: str) -> str:
    """The call with `_if` and a condition that the four rows of the examples meet."""
    head = "round(" if sql.startswith("round(") else ""
    inside = sql.removeprefix(head)
    start = inside.index("(")
    if ")(" in inside:  # parameters in parentheses of their own
        head, inside = f"{head}{inside[:start]}_if", inside[start:]
        start = inside.index(")(") + 1
        parameters, inside = inside[:start], inside[start:]
        return f"{head}{parameters}{inside[:-1]}, id < 5)"
    ends = (at for at, letter in enumerate(inside) if letter == ")")
    end = next(at for at in ends if inside[:at].count("(") == inside[:at].count(")") + 1)
    comma = ", " if inside[start + 1 : end].strip() else ""
    return f"{head}{inside[:start]}_if{inside[start:end]}{comma}id < 5){inside[end + 1 :]}"


@pytest.mark.parametrize(
    ("name", "entry"), AGGREGATES, ids=lambda e: e if isinstance(e, str) else ""
)
def test_with_a_condition(session: Session, name: str, entry: Aggregate) -> None:
    more = ROWS.removesuffix(")") + ", (5, 77, 'z'), (6, -77, ''))"
    for sql, wanted in called(entry, name):
        found = value(session, f"select {conditional(sql)} from {more}")
        assert equal(found, wanted), (conditional(sql), found)
