"""Rows of a coalesced stream: equal to a dictionary of rows, however they are cut into batches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import Batch
from engine.checkpoint import decode, encode
from engine.duck import Session
from engine.operators.merge import Merge
from engine.operators.operator import Context, Start
from engine.sql.logical import Merge as Node
from engine.sql.logical import Scan
from engine.sql.plan_parts import Column
from engine.types import INT32, STRING, arrow_type
from tests.examples import examples

Row = tuple[int, int | None, str | None]
COLUMNS = (Column("key", INT32), Column("number", INT32), Column("text", STRING))
SCHEMA = pa.schema([(c.name, arrow_type(c.type)) for c in COLUMNS])
TEXTS = ("", "a", "a text that is longer than sixteen bytes")
ROW = st.tuples(
    st.integers(0, 3),
    st.one_of(st.none(), st.integers(0, 9)),
    st.one_of(st.none(), st.sampled_from(TEXTS)),
)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session()
    yield opened
    opened.close()


def operator(session: Session) -> Merge:
    node = Node(Scan(COLUMNS, "id", "s"), ("key",), ("number", "text"))
    return Merge(Context(session, Start(0, 0)), SCHEMA, node)


def pushed(made: Merge, rows: list[Row]) -> list[Row]:
    arrays = [pa.array([row[at] for row in rows], f.type) for at, f in enumerate(SCHEMA)]
    batch = Batch(pa.RecordBatch.from_arrays(arrays, schema=SCHEMA), 0, np.array([0, len(rows)]))
    found = [tuple(row.values()) for out in made.push(0, batch) for row in out.rows.to_pylist()]
    return found  # pyright: ignore[reportReturnType]


def expected(rows: list[Row]) -> list[Row]:
    """Row by row with a dictionary."""
    current: dict[int, Row] = {}
    found: list[Row] = []
    for key, number, text in rows:
        _, old_number, old_text = current.get(key, (key, None, None))
        number = old_number if number is None else number
        text = old_text if text is None else text
        current[key] = (key, number, text)
        found.append(current[key])
    return found


@settings(max_examples=examples(100), deadline=None)
@given(rows=st.lists(ROW, max_size=40), cut=st.integers(0, 40), middle=st.integers(0, 40))
def test_equal_to_a_dictionary_also_after_a_restore(
    session: Session, rows: list[Row], cut: int, middle: int
) -> None:
    cut = min(cut, len(rows))
    middle = min(middle, cut)
    made = operator(session)
    found = pushed(made, rows[:middle])
    saved = [made.changes(full=True)]
    found += pushed(made, rows[middle:cut])
    saved.append(made.changes(full=False))
    made.close()
    fresh = operator(session)
    fresh.restore([decode(encode(delta)) for delta in saved if delta is not None])
    found += pushed(fresh, rows[cut:])
    fresh.close()
    assert found == expected(rows)
