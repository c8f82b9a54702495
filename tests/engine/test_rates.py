"""Rates of streams: what queries read is kept over a kill, bounded, and never counted twice."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from engine.clock import ManualClock
from engine.log.records import Commit, Note
from engine.rates import MINUTE_MS, MINUTES_MAX, POINT_MS, POINTS_MAX, RATES_KIND, RateBook
from tests.engine.storage_support import append, bounds, open_storage

NOTHING = Commit(1, 0, (), ())


def note(data: bytes | None) -> Note:
    """A note of what was read."""
    assert data is not None
    return Note(RATES_KIND, data)


def test_what_was_read_survives_a_kill_once_it_is_noted(tmp_path: Path) -> None:
    clock = ManualClock()
    storage = open_storage(tmp_path / "a", clock=clock)
    storage.append(append("s", 0, 10)).result(20)
    storage.count_read("s", 1800, 18_000)
    storage.note_reads()
    storage.append(append("s", 10, 10)).result(20)  # what came before it is on disk now
    storage.count_read("s", 900, 9_000)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    storage.close()
    killed = open_storage(tmp_path / "b", clock=clock)
    assert (killed.stats("s").read_eps, killed.stats("s").read_bps) == (1.0, 10.0)
    assert [point.read_eps for point in killed.stats("s", 1).history] == [1800.0]
    killed.close()
    stopped = open_storage(tmp_path / "a", clock=clock)
    assert stopped.stats("s").read_eps == 1.5
    stopped.close()


def test_reads_are_noted_without_being_told(tmp_path: Path) -> None:
    clock = ManualClock()
    storage = open_storage(tmp_path, bounds(note_reads_every_ms=1_000), clock)
    storage.append(append("s", 0, 10)).result(20)
    storage.count_read("s", 1800, 0)
    before = storage.position
    clock.advance(1_000)
    storage.seal_now()  # wakes the background work
    deadline = time.monotonic() + 20
    while storage.position == before:
        assert time.monotonic() < deadline, "nothing was noted"
        time.sleep(0.01)
    storage.close()
    again = open_storage(tmp_path, clock=clock)
    assert again.stats("s").read_eps == 1.0
    again.close()


def test_a_note_counts_once_and_only_for_streams_that_are_there() -> None:
    book = RateBook()
    book.written("s", 0, 1, 1)
    book.read("s", 0, 10, 100)
    data = book.unsaved()
    assert book.unsaved() is None
    book.apply(note(data), NOTHING)
    book.apply(note(data), NOTHING)
    assert book.rates("s", 1_000, 1)[1][0].read_eps == 10.0
    again = RateBook()
    again.apply(note(data), NOTHING)  # it was dropped
    assert again.rates("s", 1_000, 1)[1] == ()
    again.written("s", 0, 1, 1)
    again.apply(note(data), NOTHING)
    assert again.rates("s", 1_000, 1)[1][0].read_eps == 10.0
    again.restore(b"\xc1")  # what cannot be read leaves what is there
    assert again.rates("s", 1_000, 1)[1]
    book.read("s", 0, 5, 0)
    book.drop("s")
    assert book.unsaved() is None


def test_all_of_it_is_bounded() -> None:
    book = RateBook()
    for at in range(2 * POINTS_MAX):
        book.read("s", at * POINT_MS, 1, 1)
    for at in range(10 * MINUTES_MAX):
        book.read("s", (2 * POINTS_MAX) * POINT_MS + at * MINUTE_MS, 1, 1)
    assert len(book.rates("s", 3 * POINTS_MAX * POINT_MS, 1000)[1]) == POINTS_MAX
    data = book.unsaved()
    assert data is not None
    assert len(data) < 2_000
