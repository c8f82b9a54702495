"""Watermarks: any grouping of appends into batches, and any slicing, gives the same verdicts."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.watermark import BEGINNING, Watermarks

rows = st.tuples(st.integers(0, 2), st.integers(-50, 50))
appends = st.lists(st.lists(rows, max_size=5), max_size=10)


def floor(times: np.ndarray) -> np.ndarray:
    return times // 10 * 10


def expected(found: list[list[tuple[int, int]]], delay: int) -> list[bool]:
    """Row by row: late against the mark that the appends before its own left."""
    marks: dict[int, int] = {}
    maxima: dict[int, int] = {}
    late: list[bool] = []
    for append in found:
        late += [time < marks.get(sub, -(10**9)) for sub, time in append]
        for sub, time in append:
            maxima[sub] = max(maxima.get(sub, time), time)
        for sub, newest in maxima.items():
            mark = (newest - delay) // 10 * 10
            marks[sub] = max(marks.get(sub, mark), mark)
    return late


def run(
    found: list[list[tuple[int, int]]], delay: int, sizes: list[int], *, substreams: bool
) -> tuple[list[bool], list[int]]:
    """Batches of `sizes` rows each, cutting appends where they fall."""
    marks = Watermarks(floor, delay)
    marks.grow(3)
    flat = [(at, sub, time) for at, append in enumerate(found) for sub, time in append]
    late: list[bool] = []
    begin = 0
    while begin < len(flat):
        size = sizes[len(late) % len(sizes)]
        part = flat[begin : begin + size]
        begin += len(part)
        numbers = [at for at, _, _ in part]
        continues = begin < len(flat) and flat[begin][0] == numbers[-1]
        borders = [0, *(i for i in range(1, len(part)) if numbers[i] != numbers[i - 1]), len(part)]
        times = np.array([t for _, _, t in part], np.int64)
        subs = np.array([s for _, s, _ in part], np.int64)
        edges = np.array(borders, np.int64)
        if substreams:
            verdict, _ = marks.observe_substreams(times, subs, edges, continues=continues)
        else:
            verdict, _ = marks.observe(times, edges, continues=continues)
        late += verdict.tolist()
    return late, marks.marks[:3].tolist()


@settings(max_examples=200, deadline=None)
@given(appends, st.integers(0, 15), st.lists(st.integers(1, 7), min_size=1, max_size=4))
def test_substreams(found: list[list[tuple[int, int]]], delay: int, sizes: list[int]) -> None:
    assert run(found, delay, sizes, substreams=True)[0] == expected(found, delay)


@settings(max_examples=200, deadline=None)
@given(appends, st.integers(0, 15), st.lists(st.integers(1, 7), min_size=1, max_size=4))
def test_one_stream(found: list[list[tuple[int, int]]], delay: int, sizes: list[int]) -> None:
    single = [[(0, time) for _, time in append] for append in found]
    assert run(single, delay, sizes, substreams=False)[0] == expected(single, delay)


def test_moves_name_the_append_that_closed_a_window() -> None:
    marks = Watermarks(floor)
    late, moves = marks.observe(np.array([5, 12, 31]), np.array([0, 1, 2, 3]), continues=False)
    assert not late.any()
    ends = np.array([10, 20, 30])
    assert moves.append_that_closed(np.zeros(3, np.int64), ends).tolist() == [1, 2, 2]


def test_rows_of_the_past_move_nothing_until_it_is_applied() -> None:
    marks = Watermarks(floor)
    marks.track(np.array([35, 12]), None)
    assert marks.marks.tolist() == [BEGINNING]
    assert marks.apply().mark.tolist() == [30]
    late, _ = marks.observe(np.array([29, 30]), np.array([0, 2]), continues=False)
    assert late.tolist() == [True, False]


def test_an_empty_last_slice_completes_its_append() -> None:
    marks = Watermarks(floor)
    marks.grow(2)
    one = np.array([0, 1])
    marks.observe_substreams(np.array([25]), np.array([1]), one, continues=True)
    assert marks.marks[1] == BEGINNING
    none = np.zeros(0, np.int64)
    _, moves = marks.observe_substreams(none, none, np.array([0, 0]), continues=False)
    assert (moves.substream.tolist(), moves.mark.tolist()) == ([1], [20])
