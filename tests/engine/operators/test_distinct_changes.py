"""DISTINCT over a changelog: equal to a counter of rows, however they are cut into batches."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import TP_DELTA, Batch
from engine.checkpoint import decode, encode
from engine.duck import Session
from engine.operators.distinct_changes import DistinctChanges
from engine.operators.operator import Context, Start
from tests.engine.pipeline import Pipelines
from tests.examples import examples

Row = tuple[str, int]
SCHEMA = pa.schema([("text", pa.string()), (TP_DELTA, pa.int8())])
APPENDS = st.lists(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from((-1, 1))), max_size=6), max_size=8
)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session()
    yield opened
    opened.close()


def operator(session: Session) -> DistinctChanges:
    return DistinctChanges(Context(session, Start(0, 0)), SCHEMA)


def pushed(made: DistinctChanges, appends: list[list[Row]]) -> list[list[Row]]:
    """The rows of each append, in order of their texts."""
    rows = [row for append in appends for row in append]
    arrays = [pa.array([row[at] for row in rows], f.type) for at, f in enumerate(SCHEMA)]
    borders = np.cumsum([0, *(len(append) for append in appends)])
    batch = Batch(pa.RecordBatch.from_arrays(arrays, schema=SCHEMA), 0, borders)
    found: list[list[Row]] = []
    for out in made.push(0, batch):
        every = [(row["text"], row[TP_DELTA]) for row in out.rows.to_pylist()]
        ends = out.borders.tolist()
        found += [sorted(every[a:b]) for a, b in itertools.pairwise(ends)]
    return found


def expected(appends: list[list[Row]]) -> list[list[Row]]:
    """Append by append with a counter."""
    count: Counter[str] = Counter()
    found: list[list[Row]] = []
    for append in appends:
        before = Counter(count)
        for text, weight in append:
            count[text] += weight
        signs = {t: int(count[t] > 0) - int(before[t] > 0) for t, _ in append}
        found.append(sorted((text, sign) for text, sign in signs.items() if sign))
    return found


@settings(max_examples=examples(100), deadline=None)
@given(appends=APPENDS, cut=st.integers(0, 8))
def test_equal_to_a_counter_also_after_a_restore(
    session: Session, appends: list[list[Row]], cut: int
) -> None:
    made = operator(session)
    found = pushed(made, appends[:cut]) if appends[:cut] else []
    state = made.changes(full=True)
    again = operator(session)
    again.restore([] if state is None else [decode(encode(state))])
    found += pushed(again, appends[cut:]) if appends[cut:] else []
    made.close()
    again.close()
    assert found == expected(appends)


def test_appends_of_one_commit_stay_apart() -> None:
    pipelines = Pipelines()
    pipelines.stream("s", "k int32, v int32")
    output = pipelines.query("select distinct v, _tp_delta from changelog(s, k)")
    pipelines.insert("s", [(1, 5)], [(1, 6)])
    assert output.all() == [(5, 1), (5, -1), (6, 1)]
    pipelines.close()
