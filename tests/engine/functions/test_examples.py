"""Every example of every scalar function, its storage type, and the names that lead to it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from engine.duck import Session
from engine.functions import registry
from engine.functions.table import Example, Scalar
from tests.engine.functions.evaluator import equal, evaluate, storage

ENTRIES = [entry for family in registry.SCALAR_FAMILIES.values() for entry in family]
EXAMPLES = [example for entry in ENTRIES for example in entry.examples]


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session()
    yield opened
    opened.close()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.sql)
def test_example(session: Session, example: Example) -> None:
    value, _ = evaluate(session, example.sql)
    assert equal(value, json.loads(example.value)), value


def plain(name: str) -> str:
    return name.replace(" ", "").replace('"', "")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_sql_has_the_storage_type_that_was_promised(session: Session, entry: Scalar) -> None:
    for example in entry.examples:
        actual, promised = storage(session, example.sql)
        assert plain(actual) == plain(promised), example.sql


def test_names() -> None:
    assert registry.scalar("toStartOfHour") is registry.scalar("to_start_of_hour")
    assert registry.scalar("LOWER") is registry.scalar("lower")
    assert registry.aggregate("groupUniqArray") is registry.aggregate("group_uniq_array")
    assert registry.scalar("toUInt8OrZero") is registry.scalar("to_uint8_or_zero")
    assert registry.scalar("parseDateTimeBestEffort") is registry.scalar("to_datetime")
    assert registry.scalar("toIPv4") is registry.scalar("to_ipv4")
    assert registry.scalar("isNaN") is registry.scalar("is_nan")
    assert registry.scalar("generateUUIDv4") is registry.scalar("uuid")
    assert registry.scalar("JSONExtractString") is registry.scalar("json_extract_string")
    assert registry.scalar("no_such_function") is None
    assert registry.aggregate("lower") is None
    assert "to_int256_or_null" in registry.names()
