"""Upserts as deltas: equal to a dictionary of rows, however the rows are cut into batches."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import TP_DELTA, Batch
from engine.checkpoint import decode, encode
from engine.duck import Session
from engine.operators.operator import Context, Start
from engine.operators.upsert import Upsert
from engine.sql.logical import Scan
from engine.sql.logical import Upsert as Node
from engine.sql.plan_parts import Column
from engine.types import INT8, INT32, STRING, arrow_type, nullable
from tests.examples import examples

Row = tuple[int, int | None, str]
COLUMNS = (Column("key", INT32), Column("version", nullable(INT32)), Column("text", STRING))
SCHEMA = pa.schema([(c.name, arrow_type(c.type)) for c in COLUMNS])
ROWS = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.one_of(st.none(), st.integers(0, 5)),
        st.sampled_from(("", "a", "b", "a text that is longer than sixteen bytes")),
    ),
    max_size=40,
)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session()
    yield opened
    opened.close()


def operator(session: Session, *, drop_late: bool) -> Upsert:
    node = Node(
        Scan(COLUMNS, "id", "s"), ("key",), (*COLUMNS, Column(TP_DELTA, INT8)), "version", drop_late
    )
    return Upsert(Context(session, Start(0, 0)), SCHEMA, node)


def batch(rows: list[Row], borders: list[int] | None = None) -> Batch:
    arrays = [pa.array([row[at] for row in rows], f.type) for at, f in enumerate(SCHEMA)]
    made = pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)
    return Batch(made, 0, np.array(borders or [0, len(rows)]))


def pushed(made: Upsert, given_batch: Batch) -> list[tuple[object, ...]]:
    return [
        tuple(row.values()) for out in made.push(0, given_batch) for row in out.rows.to_pylist()
    ]


def expected(rows: list[Row], *, drop_late: bool) -> list[tuple[object, ...]]:
    """Row by row with a dictionary; NULL is below all versions."""
    current: dict[int, Row] = {}
    found: list[tuple[object, ...]] = []
    for row in rows:
        old = current.get(row[0])
        if old is not None:
            held, new = (-1 if v is None else v for v in (old[1], row[1]))
            if drop_late and new < held:
                continue
            found.append((*old, -1))
        found.append((*row, 1))
        current[row[0]] = row
    return found


@settings(max_examples=examples(150), deadline=None)
@given(rows=ROWS, cuts=st.lists(st.integers(0, 40), max_size=4), drop_late=st.booleans())
def test_equal_to_a_dictionary(
    session: Session, rows: list[Row], cuts: list[int], drop_late: bool
) -> None:
    made = operator(session, drop_late=drop_late)
    places = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    found: list[tuple[object, ...]] = []
    for low, high in itertools.pairwise(places):
        found += pushed(made, batch(rows[low:high]))
    made.close()
    assert found == expected(rows, drop_late=drop_late)


def test_borders_are_kept(session: Session) -> None:
    made = operator(session, drop_late=True)
    rows: list[Row] = [(1, 1, "a"), (1, 2, "b"), (1, 0, "late"), (2, 0, "c"), (1, 2, "d")]
    (out,) = made.push(0, batch(rows, [0, 2, 3, 3, 5]))
    assert out.borders.tolist() == [0, 3, 3, 3, 6]
    made.close()


@settings(max_examples=examples(40), deadline=None)
@given(rows=ROWS, cut=st.integers(0, 40), middle=st.integers(0, 40))
def test_saved_and_restored(session: Session, rows: list[Row], cut: int, middle: int) -> None:
    cut = min(cut, len(rows))
    middle = min(middle, cut)
    made = operator(session, drop_late=True)
    found = pushed(made, batch(rows[:middle]))
    saved = [made.changes(full=True)]
    found += pushed(made, batch(rows[middle:cut]))
    saved.append(made.changes(full=False))
    made.close()
    fresh = operator(session, drop_late=True)
    fresh.restore([decode(encode(delta)) for delta in saved if delta is not None])
    found += pushed(fresh, batch(rows[cut:]))
    fresh.close()
    assert found == expected(rows, drop_late=True)


def test_a_change_costs_what_changed(session: Session) -> None:
    made = operator(session, drop_late=False)
    made.push(0, batch([(key, 0, "a") for key in range(1000)]))
    made.changes(full=True)
    made.push(0, batch([(7, 1, "b"), (8, 1, "b")]))
    delta = made.changes(full=False)
    assert delta is not None
    assert sum(rows.num_rows for rows in delta.tables.values()) == 2
    assert made.changes(full=False) is None
    made.close()
