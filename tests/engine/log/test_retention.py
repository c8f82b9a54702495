"""Segments go when history has everything in them and nobody needs them."""

from __future__ import annotations

from pathlib import Path

from log_support import Book, append, open_log, put

from engine.clock import ManualClock
from engine.log.commitlog import CommitLog, LogStart
from engine.log.reader import Start
from engine.log.retention import Pin
from engine.log.segment import SegmentName
from engine.log.settings import LogSettings

SMALL = LogSettings(segment_bytes=8192, free_stop_bytes=0, free_stop_fraction=0.0)


def filled(folder: Path, clock: ManualClock | None = None) -> CommitLog:
    log = open_log(folder, Book(), SMALL, clock=clock)
    for i in range(60):
        put(log, append("a", i, 5))
        if clock is not None:
            clock.advance(1000)
    return log


def first_kept(folder: Path) -> int:
    return SegmentName.listed(folder)[0].first_position


def test_only_segments_that_are_sealed_whole_go(tmp_path: Path) -> None:
    log = filled(tmp_path)
    before = log.nbytes
    assert log.release(0) == 0
    gone = log.release(30)
    assert gone > 0
    names = SegmentName.listed(tmp_path)
    assert names[0].first_position <= 31 < names[1].first_position + 30
    assert log.nbytes < before and log.bytes_of("a") < before
    log.close()
    start = LogStart(Start(sealed_position=30, next_sn={"a": 30}))
    again = CommitLog.open(tmp_path, ManualClock(), SMALL, book := Book(), start)
    assert book.numbers("a") == list(range(30, 60))
    assert not again.recovery.degraded and not again.recovery.lost_commits
    again.close()


def test_a_pin_keeps_what_its_owner_needs(tmp_path: Path) -> None:
    log = filled(tmp_path)
    log.pin("view:1", Pin(20))
    log.release(60)
    assert first_kept(tmp_path) <= 20
    assert [c.position for c in log.commits(20)] == list(range(20, 61))
    log.unpin("view:1")
    log.release(60)
    assert first_kept(tmp_path) > 40
    log.close()


def test_a_pin_lapses_at_the_retention_of_its_stream(tmp_path: Path) -> None:
    clock = ManualClock()
    log = filled(tmp_path, clock)
    log.pin("by age", Pin(1, age_ms_max=3_600_000))
    log.pin("by size", Pin(1, bytes_max=10_000))
    log.pin("for ever", Pin(55))
    log.pin("below zero", Pin(58, bytes_max=-1, age_ms_max=-5))
    log.release(60)
    assert log.pinned("by age") and not log.pinned("by size")
    assert first_kept(tmp_path) == 1
    clock.advance(4_000_000)
    log.release(60)
    assert not log.pinned("by age") and log.pinned("for ever") and log.pinned("below zero")
    assert 1 < first_kept(tmp_path) <= 55
    log.close()
