"""Grids of event time: fixed and calendar cells, zones, negative times, all scales."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.sql.plan_parts import Span, WindowSpec
from engine.types import DATETIME, datetime64
from engine.windows import hop, tumble
from engine.windows.grid import Grid, length_ticks, milliseconds, tick, ticks_of_ms

MS = datetime64(3)
UTC = datetime.UTC


def ms(text: str) -> int:
    moment = datetime.datetime.fromisoformat(text).replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def start_of(grid: Grid, text: str) -> str:
    start = int(grid.start(grid.index(np.array([ms(text)])))[0])
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=start)).isoformat()


@pytest.mark.parametrize(
    ("count", "unit", "zone", "time", "start"),
    [
        (3, "s", "UTC", "2020-02-02T20:00:50", "2020-02-02T20:00:48"),
        (1, "w", "UTC", "2020-02-02T20:00:00", "2020-01-27T00:00:00"),  # a Monday
        (2, "w", "UTC", "1970-01-01T00:00:00", "1969-12-29T00:00:00"),
        (1, "M", "UTC", "2020-02-29T23:59:59", "2020-02-01T00:00:00"),
        (1, "q", "UTC", "2020-06-30T00:00:00", "2020-04-01T00:00:00"),
        (1, "y", "UTC", "1969-12-31T23:59:59", "1969-01-01T00:00:00"),
        (5, "y", "UTC", "2024-01-01T00:00:00", "2020-01-01T00:00:00"),
        (1, "d", "Asia/Tokyo", "2020-02-02T16:00:00", "2020-02-02T15:00:00"),
        (1, "M", "America/New_York", "2020-03-01T04:59:59", "2020-02-01T05:00:00"),
        (1, "d", "Europe/Berlin", "2024-03-31T21:59:59", "2024-03-30T23:00:00"),
        (1, "d", "Europe/Berlin", "2024-03-31T22:00:00", "2024-03-31T22:00:00"),
        (4, "h", "Asia/Kolkata", "2020-02-02T00:00:00", "2020-02-01T22:30:00"),
    ],
)
def test_starts(count: int, unit: str, zone: str, time: str, start: str) -> None:
    assert start_of(Grid(count, unit, MS, zone), time) == start


@given(
    st.lists(st.integers(-(10**13), 10**13), min_size=1, max_size=20),
    st.sampled_from([(7, "s"), (1, "d"), (2, "w"), (1, "M"), (5, "M"), (1, "q"), (3, "y")]),
)
def test_a_time_lies_in_its_cell(times: list[int], cell: tuple[int, str]) -> None:
    grid = Grid(*cell, MS)
    given_times = np.array(times)
    cells = grid.index(given_times)
    assert (grid.start(cells) <= given_times).all()
    assert (given_times < grid.start(cells + 1)).all()


def test_scales() -> None:
    assert [tick(t) for t in (DATETIME, datetime64(0), datetime64(1), MS, datetime64(9))] == [
        1, 1000, 100, 1, 1,
    ]  # fmt: skip
    assert length_ticks(Span(2, "s"), DATETIME) == 2
    assert length_ticks(Span(2, "s"), datetime64(6)) == 2_000_000
    assert length_ticks(Span(1, "ns"), datetime64(9)) == 1
    assert (milliseconds(1_001, datetime64(6)), ticks_of_ms(1_999, DATETIME)) == (2, 1)


def test_hop_windows_begin_before_the_first_event() -> None:
    spec = WindowSpec("hop", "t", MS, Span(5, "s"), Span(3, "s"))
    panes = hop.panes(spec)
    pane = panes.pane(np.array([ms("2020-02-02T20:00:00")]))
    windows = np.arange(panes.first_window(pane)[0], panes.last_window(pane)[0] + 1)
    starts = [str(datetime.datetime.fromtimestamp(s / 1000, UTC).time())
              for s in panes.starts(windows).tolist()]  # fmt: skip
    assert starts == ["19:59:57", "20:00:00"]


def test_windows_close_at_their_end() -> None:
    panes = tumble.panes(WindowSpec("tumble", "t", MS, Span(3, "s")))
    window = panes.pane(np.array([4_000]))
    assert panes.closed_by(np.array([5_999])) < window
    assert panes.closed_by(np.array([6_000])) == window
