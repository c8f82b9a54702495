"""Helpers of the log's tests: rows, a log over a folder, a file system that fails on demand."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa

from engine.batch import StreamSlice
from engine.clock import Clock, ManualClock
from engine.errors import TailraceError
from engine.log.commitlog import CommitLog, LogStart
from engine.log.files import FileSystem, Space
from engine.log.records import Append, Commit, Outcome, Receipt, Record
from engine.log.settings import LogSettings

SMALL = LogSettings(segment_bytes=16_384, free_stop_bytes=0, free_stop_fraction=0.0)


def rows(start: int, count: int, text: str = "") -> pa.RecordBatch:
    """Rows whose `x` counts from `start`."""
    numbers = np.arange(start, start + count)
    return pa.record_batch(
        {
            "x": pa.array(numbers),
            "s": pa.array([f"{text}{n}" for n in numbers], pa.string()),
            "_tp_time": pa.array(numbers * 1000, pa.timestamp("ms")),
        }
    )


class Waiter:
    """Waits for the outcome of one submission."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._outcome: Outcome | None = None

    def __call__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._event.set()

    def receipt(self) -> Receipt:
        """The receipt; raises the error instead."""
        outcome = self.outcome()
        if isinstance(outcome, TailraceError):
            raise outcome
        return outcome

    def outcome(self) -> Outcome:
        """Whatever came."""
        assert self._event.wait(20)
        assert self._outcome is not None
        return self._outcome


class Book:
    """Collects commits, on whatever thread they come."""

    def __init__(self) -> None:
        self.commits: list[Commit] = []

    def __call__(self, commit: Commit) -> None:
        self.commits.append(commit)

    def slices(self, stream_id: str) -> list[StreamSlice]:
        """All slices of a stream in order."""
        return [s for c in self.commits for s in c.slices if s.stream_id == stream_id]

    def values(self, stream_id: str) -> list[int]:
        """`x` of all rows of a stream."""
        return [x for s in self.slices(stream_id) for x in s.rows.column("x").to_pylist()]

    def numbers(self, stream_id: str) -> list[int]:
        """Sequence numbers of a stream."""
        return [int(n) for s in self.slices(stream_id) for n in s.sn]


def open_log(
    folder: Path,
    book: Callable[[Commit], None],
    settings: LogSettings = SMALL,
    fs: FileSystem | None = None,
    clock: Clock | None = None,
) -> CommitLog:
    """A log without history."""
    return CommitLog.open(folder, clock or ManualClock(), settings, book, LogStart(), fs)


def put(log: CommitLog, *records: Record) -> Receipt:
    """Submit and wait."""
    waiter = Waiter()
    log.submit(records, waiter)
    return waiter.receipt()


def put_together(log: CommitLog, groups: Iterable[list[Record]]) -> list[Waiter]:
    """Submissions that reach the writer in one group: it is held while they queue."""
    entered, go = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        assert go.wait(20)

    log.between(hold)
    assert entered.wait(20)
    waiters: list[Waiter] = []
    for records in groups:
        waiter = Waiter()
        log.submit(records, waiter)
        waiters.append(waiter)
    go.set()
    return waiters


def append(stream_id: str, start: int, count: int = 1, id: str = "") -> Append:
    """One append."""
    return Append.single(stream_id, rows(start, count), id)


class FaultyFiles(FileSystem):
    """Fails when told: `write_error`, `sync_error` are errno numbers; `short` cuts a write."""

    def __init__(self) -> None:
        self.write_error = 0
        self.sync_error = 0
        self.truncate_error = 0
        self.short = 0
        self.free = 1 << 40
        self.synced: dict[int, bytes] = {}

    def write(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        if self.short:
            written = super().write(fd, memoryview(data)[: self.short], offset)
            self.short = 0
            return written
        if self.write_error:
            # What a full disk does: a part of it is there.
            super().write(fd, memoryview(data)[: len(data) // 2], offset)
            raise OSError(self.write_error, errno.errorcode[self.write_error])
        return super().write(fd, data, offset)

    def sync_data(self, fd: int) -> None:
        if self.sync_error:
            raise OSError(self.sync_error, errno.errorcode[self.sync_error])
        super().sync_data(fd)

    def truncate(self, fd: int, size: int) -> None:
        if self.truncate_error:
            raise OSError(self.truncate_error, errno.errorcode[self.truncate_error])
        super().truncate(fd, size)

    def space(self, folder: Path) -> Space:
        return Space(self.free, 1 << 40)
