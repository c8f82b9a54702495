"""Sums of floats: over changelogs nothing is left of what went, else each is one plain sum."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.duck import Session
from engine.functions.table import BoundAggregate
from tests.engine.functions.evaluator import bind_aggregate
from tests.engine.functions.test_aggregates import ARGS, COLUMNS, random_rows
from tests.engine.functions.test_retracting import operator, push, results

# Below 2^-40 sums are those of float64; so small parts of larger numbers have room for 2^11 rows.
_POSITIVE = st.floats(min_value=1e-9, max_value=1e15)
NUMBERS = st.one_of(st.just(0.0), _POSITIVE, _POSITIVE.map(lambda value: -value))
ANY = st.one_of(
    NUMBERS, st.sampled_from([0.1, 1e16, -1e16, 1.0, math.inf, -math.inf, math.nan, -0.3, 8192.1])
)
F = list(COLUMNS).index("f")
TEMPLATE = random_rows(1)[0]


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session()
    yield opened
    opened.close()


def bound_of(call: str) -> BoundAggregate:
    entry, args = bind_aggregate(call, ARGS)
    return entry.bind(args, False)


def rows(values: list[float], weight: int) -> list[tuple[object, ...]]:
    head, tail = TEMPLATE[:F], TEMPLATE[F + 1 : -2]
    return [(*head, value, *tail, 1, weight) for value in values]


def kept(session: Session, call: str, steps: list[tuple[list[float], int]]) -> object:
    """The aggregate after additions and retractions, each step a batch."""
    bound = bound_of(call)
    made = operator(session, bound, "")
    for values, weight in steps:
        if values:
            push(made, rows(values, weight))
    found = results(session, made, bound)
    made.close()
    return found[1]


def bounded(session: Session, call: str, values: list[float]) -> object:
    """The form over changelogs of rows that are all there at once."""
    session.register("__f", pa.table({"f": pa.array(values, pa.float64())}))
    sql = bound_of(call).over_changes.native.replace("{filter}", "")
    return session.query(f"SELECT {sql} AS r FROM __f").column(0).to_pylist()[0]


@settings(max_examples=40)
@given(st.lists(NUMBERS, min_size=1, max_size=30), st.data())
def test_order_and_batches_change_no_bit(
    session: Session, values: list[float], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(values)))
    mixed = data.draw(st.permutations(values))
    for call in ("sum(f)", "avg(f)"):
        whole = bounded(session, call, values)
        assert kept(session, call, [(mixed[:cut], 1), (mixed[cut:], 1)]) == whole
    assert math.isclose(bounded(session, "sum(f)", values), math.fsum(values), rel_tol=1e-12)  # type: ignore[arg-type]


@settings(max_examples=40)
@given(st.lists(ANY, min_size=1, max_size=8), st.lists(ANY, min_size=1, max_size=8))
def test_what_is_taken_back_leaves_no_trace(
    session: Session, stay: list[float], go: list[float]
) -> None:
    go = [value for value in go if not 2.0**56 <= abs(value) < math.inf]
    for call in ("sum(f)", "avg(f)"):
        found = kept(session, call, [(go, 1), (stay, 1), (go, -1)])
        wanted = bounded(session, call, stay)
        assert found == wanted or (math.isnan(found) and math.isnan(wanted))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ([0.1, 0.2], 0.1 + 0.2),
        ([8192.1], 8192.1),
        ([-123456789.125, 0.1], -123456789.025),
        ([1e16, 1.0, -1e16], 1.0),
        ([1e300, 1e300], 2e300),
        ([5e-324], 5e-324),
        ([math.inf, 1.0], math.inf),
        ([-math.inf, 1.0], -math.inf),
        ([], 0.0),
    ],
)
def test_totals(session: Session, values: list[float], total: float) -> None:
    assert bounded(session, "sum(f)", values) == total


@pytest.mark.parametrize("values", [[math.inf, -math.inf], [math.nan, 1.0]])
def test_no_total(session: Session, values: list[float]) -> None:
    assert math.isnan(bounded(session, "sum(f)", values))  # type: ignore[arg-type]


@pytest.mark.parametrize("call", ["sum(f)", "avg(f)", "avg(l)", "avg_weighted(f, f)"])
def test_appends_and_tables_pay_nothing_for_exactness(call: str) -> None:
    bound = bound_of(call)
    for text in (bound.native, *(partial.sql for partial in bound.partials)):
        assert "fsum" not in text
        assert "HUGEINT" not in text
    assert len(bound.partials) <= 2
    assert bound.over_changes is not bound
