"""Rows of two queries in one graph: in the order of the log, however their reader holds them up."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.batch import StreamSlice
from engine.feeds import after_rows, pieces
from engine.flow_settings import FlowSettings
from engine.leaving import without
from engine.protocol import BackgroundQuery
from engine.running import Running
from engine.sharing import Chunk
from engine.sql.background import definition_of
from engine.testing import Collected
from tests.engine.pipeline import Pipelines

ONE, TWO = "select v from l where i = 1", "select v from l where i = 2"
PAIRS = (
    (ONE, TWO),
    ("select distinct v from l where i = 1", TWO),
    (
        ONE,
        "select v from (select i, v from l union all select i, v from l where i > 5) where i = 2",
    ),
    (ONE, "select v from (select i, v, lag(v) as w from l) where i = 2"),
    (ONE, "select v from r where i = 2"),
    ("select v from r where i = 1", f"{TWO} union all select v from r where i = 2"),
)
APPENDS = st.lists(
    st.tuples(
        st.sampled_from(["l", "r"]),
        st.lists(st.sampled_from([0, 1, 2]), min_size=1, max_size=7),
        st.integers(0, 4),
    ),
    max_size=8,
)


class Fitful(Collected):
    """An output that wants rows now and then."""

    def __init__(self, pattern: list[bool]) -> None:
        super().__init__()
        self._pattern = cycle(pattern or [True])

    def ready(self) -> bool:
        """By the pattern."""
        return next(self._pattern)


def start(pipelines: Pipelines, pair: tuple[str, str], output: Collected) -> None:
    checked = pipelines.planner.background(pair)
    definition = definition_of(BackgroundQuery("alert:1", pair, "a"), checked)
    plan = pipelines.planner.view_plan(msgspec.structs.replace(definition, id="id")).plan
    pipelines.flow.start("q", plan, output, pipelines.clock.now_ms())


def settle(pipelines: Pipelines) -> None:
    for _ in range(100):
        pipelines.flow.wake("q")
        pipelines.virtual.settle()


@given(
    pair=st.sampled_from(PAIRS),
    appends=APPENDS,
    pattern=st.lists(st.booleans(), max_size=7).filter(lambda p: not p or any(p)),
    rows_max=st.sampled_from([2, 3, 100]),
)
@settings(max_examples=settings.default.max_examples // 2, deadline=None)
@example(PAIRS[0], [("l", [1, 2, 1], 1), ("l", [1, 2], 1)], [True, False], 100)
@example(PAIRS[0], [("l", [1, 2], 0), ("l", [2, 1], 1), ("l", [1, 2], 0)], [True, False], 100)
@example(PAIRS[2], [("l", [1, 2, 2, 1, 1, 2], 0)], [], 2)
@example(PAIRS[1], [("l", [2, 1, 2, 1], 0)], [], 100)
@example(
    PAIRS[0],
    [("l", [0], 0), ("l", [0, 0], 0), ("l", [0, 0], 0), ("l", [1], 0)],
    [*([False] * 5), True],
    2,
)
def test_no_row_overtakes_another(
    pair: tuple[str, str], appends: list[Any], pattern: list[bool], rows_max: int
) -> None:
    pipelines = Pipelines(FlowSettings(batch_rows_max=rows_max))
    for name in ("l", "r"):
        pipelines.stream(name, "i int32, v int32")
    output = Fitful(pattern)
    start(pipelines, pair, output)
    settle(pipelines)
    expected: list[tuple[int, int]] = []
    number = 0
    for name, kinds, steps in appends:
        rows = [(kind, number + at) for at, kind in enumerate(kinds)]
        number += len(rows)
        pipelines.clock.advance(1)
        pipelines.storage.append(f"id_{name}", pipelines.rows(name, rows))
        for kind, value in rows:
            asks = pair[kind - 1] if kind else ""
            if asks and f"from {name}" in asks:
                expected.append((kind - 1, value))
        for _ in range(steps):
            pipelines.flow.wake("q")
            pipelines.flow.step()
    settle(pipelines)
    assert output.error is None
    assert [(row[0], row[1 + row[0]]) for row in output.all()] == expected
    pipelines.close()


def test_a_query_that_was_held_up_is_not_overtaken_by_the_other() -> None:
    pipelines = Pipelines()
    pipelines.stream("l", "i int32, v int32")
    output = Scripted()
    start(pipelines, PAIRS[0], output)
    settle(pipelines)
    pipelines.storage.append("id_l", pipelines.rows("l", [(1, 10), (2, 11)]))
    output.answers = [True, False]  # the first reads it, the second may not
    pipelines.flow.step()
    assert output.all() == []
    pipelines.storage.append("id_l", pipelines.rows("l", [(1, 12), (2, 13), (1, 14)]))
    pipelines.flow.wake("q")
    pipelines.flow.step()
    settle(pipelines)
    assert [row[1 + row[0]] for row in output.all()] == [10, 11, 12, 13, 14]
    pipelines.close()


@pytest.mark.parametrize("answers", [[False], [True, False], [True, True, False]])
def test_a_reader_that_is_ready_again_at_once_lets_neither_overtake(
    answers: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipelines = Pipelines()
    pipelines.stream("l", "i int32, v int32")
    output = Scripted()
    start(pipelines, PAIRS[1], output)
    settle(pipelines)
    asked = pipelines.flow._may_run

    def may_run(query: Running) -> bool:
        may = asked(query)
        if not may:  # from the thread of the reader, right after it was asked
            pipelines.flow.wake("q")
        return may

    monkeypatch.setattr(pipelines.flow, "_may_run", may_run)
    kinds = [1, 2, 2, 1, 2]
    pipelines.storage.append("id_l", pipelines.rows("l", [(k, at) for at, k in enumerate(kinds)]))
    output.answers = answers
    pipelines.flow.step()
    settle(pipelines)
    assert [row[1 + row[0]] for row in output.all()] == [0, 1, 2, 3, 4]
    pipelines.close()


class Scripted(Collected):
    """An output that wants rows unless it is told otherwise, answer by answer."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[bool] = []

    def ready(self) -> bool:
        """The next answer."""
        return self.answers.pop(0) if self.answers else True


@given(
    counts=st.lists(st.integers(1, 5), min_size=1, max_size=6),
    cuts=st.lists(st.integers(1, 4), min_size=1, max_size=30),
    left_out=st.sets(st.integers(0, 29)),
)
def test_a_row_has_one_place_however_its_stream_is_cut(
    counts: list[int], cuts: list[int], left_out: set[int]
) -> None:
    rows = sum(counts)
    part = StreamSlice(
        "s",
        pa.record_batch({"n": list(range(rows))}),
        np.concatenate(([0], np.cumsum(counts))),
        np.arange(7, 7 + len(counts)),
        np.zeros(len(counts), np.int64),
    )
    whole = Chunk(part, 0).places()
    assert list(whole) == sorted(set(whole))
    found: list[int] = []
    at, bounds = 0, cycle(cuts)
    feed_sn, feed_row = 7, 0
    while at < rows:
        rest = after_rows(part, at) if at else part
        assert rest is not None
        piece, continues = next(pieces(rest, next(bounds), 1 << 30))
        chunk = Chunk(piece, 0, continues=continues)
        chunk.first_row = feed_row if chunk.first_sn == feed_sn else 0
        more = continues and chunk.next_sn == feed_sn
        last = int(piece.borders[-1] - piece.borders[-2])
        feed_row = (feed_row if more else 0) + last if continues else 0
        feed_sn = chunk.next_sn
        out = [row - at for row in left_out if at <= row < at + piece.rows.num_rows]
        found += list(without(chunk, out).places())
        at += piece.rows.num_rows
    assert found == [place for row, place in enumerate(whole) if row not in left_out]
