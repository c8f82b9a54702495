"""The past of a scan, sorted and played: nothing is lost, whatever is taken at a time."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine.backfill as module
from engine.backfill import Backfill
from engine.batch import StreamSlice
from engine.errors import QueryFailed
from engine.sql.plan_parts import Past

START = 1_000_000
APPENDS = st.lists(st.lists(st.integers(0, 2_000), min_size=1, max_size=6), max_size=8)


def slice_of(appends: list[list[int]], first_sn: int = 0) -> StreamSlice:
    """Appends of rows (v, _tp_time); v numbers the rows, sn * 100 on."""
    times = [time for append in appends for time in append]
    numbers = [(first_sn + at) * 100 + i for at, a in enumerate(appends) for i in range(len(a))]
    rows = pa.RecordBatch.from_arrays(
        [pa.array(numbers, pa.int64()), pa.array(times, pa.timestamp("ms"))],
        names=["v", "_tp_time"],
    )
    counts = [len(append) for append in appends]
    sn = np.arange(first_sn, first_sn + len(appends))
    return StreamSlice("s", rows, np.concatenate(([0], np.cumsum(counts))), sn, sn * 1000)


def drain(backfill: Backfill, instant_ms: int, size: int = 10**6) -> list[tuple[int, int]]:
    """(v, sn) of what is due, taken in whole appends of about `size` rows."""
    found: list[tuple[int, int]] = []
    while (part := backfill.next(instant_ms)) is not None:
        count = int(part.borders[min(size, part.appends)])
        numbers = np.repeat(part.sn, np.diff(part.borders))[:count].tolist()
        found += zip(part.rows.column(0).to_pylist()[:count], numbers, strict=True)
        backfill.taken(count)
    return found


def filled(backfill: Backfill, appends: list[list[int]]) -> Backfill:
    if appends:
        backfill.add(slice_of(appends))
    if backfill.wants:
        backfill.finish()
    return backfill


@given(APPENDS, st.integers(1, 3))
def test_in_order_every_row_comes_once_by_time(appends: list[list[int]], size: int) -> None:
    backfill = Backfill(Past(in_order=True), ("v",), START)
    for sn, append in enumerate(appends):
        backfill.add(slice_of([append], sn))
    assert backfill.wants
    backfill.finish()
    times = {sn * 100 + i: time for sn, a in enumerate(appends) for i, time in enumerate(a)}
    expected = sorted(times, key=lambda v: (times[v], v))
    assert drain(backfill, START, size) == [(v, v // 100) for v in expected]
    assert backfill.done


@given(APPENDS, st.sampled_from([0.5, 1.0, 4.0]), st.integers(1, 3))
def test_played_rows_come_when_they_are_due(
    appends: list[list[int]], speed: float, size: int
) -> None:
    past = Past(speed=speed, time_column="_tp_time")
    backfill = filled(Backfill(past, ("v",), START), appends)
    rows = [(sn * 100 + i, t) for sn, a in enumerate(appends) for i, t in enumerate(a)]
    seen: list[int] = []
    due, newest = START, rows[0][1] if rows else 0
    for v, time in rows:
        newest = max(newest, time)
        due = START + int(np.ceil((newest - rows[0][1]) / speed))
        if v not in seen:
            assert v not in [n for n, _ in drain(backfill, due - 1, size)]
            seen += [n for n, _ in drain(backfill, due, size)]
        assert v in seen
    assert seen == [v for v, _ in rows]


def test_large_append_may_be_taken_in_parts() -> None:
    backfill = filled(Backfill(Past(in_order=True), ("v",), START), [[5] * 6])
    part = backfill.next(START)
    assert part is not None
    assert part.appends == 1
    backfill.taken(4)
    part = backfill.next(START)
    assert part is not None
    assert part.rows.column(0).to_pylist() == [4, 5]
    assert part.borders.tolist() == [0, 2]
    backfill.taken(2)
    assert backfill.next(START) is None


def test_much_is_given_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEP_ROWS_MAX", 4)
    backfill = filled(Backfill(Past(in_order=True), ("v",), START), [[3, 1, 2], [9], [7] * 9])
    sizes: list[int] = []
    while (part := backfill.next(START)) is not None:
        sizes.append(part.rows.num_rows)
        backfill.taken(part.rows.num_rows)
    assert sizes == [3, 9, 1]
    assert backfill.done


def test_too_much_to_sort_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SORT_BYTES_MAX", 100)
    backfill = Backfill(Past(in_order=True), ("v",), START)
    with pytest.raises(QueryFailed, match="force_backfill_in_order") as caught:
        backfill.add(slice_of([[1] * 50]))
    assert caught.value.code == 241
