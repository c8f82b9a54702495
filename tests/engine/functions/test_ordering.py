"""Order keys and exact numbers: DuckDB orders and calculates what is stored as text like Python."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.duck import Session
from engine.functions.ordering import order_key
from engine.functions.table import Arg
from engine.functions.wide import calculated
from engine.natives import folded, ipv6_text
from engine.type_parser import parse_type
from engine.types import integer_range

INT256 = integer_range(parse_type("int256"))
WIDE = st.integers(*INT256) | st.integers(-20, 20)
KINDS = st.sampled_from(["int128", "uint128", "int256", "uint256"])


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session()
    yield opened
    opened.close()


def ordered(session: Session, texts: list[str], kind: str) -> list[str]:
    """The texts in the order of their keys, equal ones as they came."""
    rows = pa.table({"i": range(len(texts)), "x": pa.array(texts, pa.string())})
    session.register("__rows", rows)
    key = order_key("x", parse_type(kind))
    found = session.query(f"SELECT x FROM __rows ORDER BY {key}, i").column(0).to_pylist()
    session.unregister("__rows")
    return found


@settings(max_examples=30, deadline=None)
@given(st.lists(WIDE, max_size=8))
def test_wide_integers(session: Session, values: list[int]) -> None:
    assert ordered(session, [str(v) for v in values], "int256") == [str(v) for v in sorted(values)]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), max_size=8))
def test_ipv4(session: Session, values: list[int]) -> None:
    texts = [str(IPv4Address(v)) for v in values]
    assert ordered(session, texts, "ipv4") == [str(IPv4Address(v)) for v in sorted(values)]


SPARSE = st.lists(st.sampled_from([0, 0, 0, 1, 0xFFFF, 0xABC]), min_size=8, max_size=8)


@settings(max_examples=50, deadline=None)
@given(st.lists(SPARSE, max_size=8))
def test_ipv6(session: Session, values: list[list[int]]) -> None:
    """Groups of zeros at every place, mapped addresses among them."""
    numbers = [int("".join(f"{group:04x}" for group in each), 16) for each in values]
    texts = [ipv6_text(str(IPv6Address(n))) for n in numbers]
    expected = [ipv6_text(str(IPv6Address(n))) for n in sorted(numbers)]
    assert ordered(session, texts, "ipv6") == expected


@settings(max_examples=60, deadline=None)
@given(KINDS, st.sampled_from("+-*"), WIDE, WIDE)
def test_arithmetic_wraps(session: Session, kind: str, symbol: str, a: int, b: int) -> None:
    t = parse_type(kind)
    x, y = folded(a, kind), folded(b, kind)
    sql = calculated(symbol, (Arg(f"'{x}'", t), Arg(f"'{y}'", t)), t)
    found = session.query(f"SELECT {sql} AS r").column(0).to_pylist()[0]
    exact = {"+": x + y, "-": x - y, "*": x * y}[symbol]
    low, high = integer_range(t)
    assert low <= int(found) <= high
    assert (int(found) - exact) % (1 << t.bits) == 0
