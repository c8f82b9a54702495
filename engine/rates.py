"""Rates of a stream: rows and bytes per 30 minutes, kept for a week, and of the last 30 minutes.

What was written is counted from the commits, also when they are read again at a start. What was
read is in no commit: it is noted in the log once in a while (`RateBook.unsaved`).
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field

import msgspec

from engine.log.records import Commit, Note
from engine.protocol import RatePoint

_log = logging.getLogger("tailrace.engine")

# Kind of the notes, and name of the snapshot among the states that are kept with the history.
RATES_KIND = "storage.rates"

POINT_MS = 1_800_000
MINUTE_MS = 60_000
POINTS_MAX = 7 * 48 + 1
MINUTES_MAX = 31


class Counted(msgspec.Struct, array_like=True):
    """What happened in one interval."""

    written_rows: int = 0
    written_bytes: int = 0
    read_rows: int = 0
    read_bytes: int = 0


class _Saved(msgspec.Struct, array_like=True, frozen=True):
    points: dict[int, Counted]
    minutes: dict[int, Counted]


@dataclass(slots=True)
class StreamRates:
    """Counts of one stream by start of interval."""

    points: dict[int, Counted] = field(default_factory=dict[int, Counted])
    minutes: dict[int, Counted] = field(default_factory=dict[int, Counted])

    def written(self, instant_ms: int, rows: int, nbytes: int) -> None:
        """Rows became durable at an instant."""
        for counted in self._at(instant_ms):
            counted.written_rows += rows
            counted.written_bytes += nbytes

    def read(self, instant_ms: int, rows: int, nbytes: int) -> None:
        """Queries read rows."""
        for counted in self._at(instant_ms):
            counted.read_rows += rows
            counted.read_bytes += nbytes

    def _at(self, instant_ms: int) -> tuple[Counted, Counted]:
        return (
            _slot(self.points, instant_ms - instant_ms % POINT_MS, POINTS_MAX),
            _slot(self.minutes, instant_ms - instant_ms % MINUTE_MS, MINUTES_MAX),
        )

    def recent(self, now_ms: int) -> RatePoint:
        """Averages over the last 30 minutes."""
        since = now_ms - POINT_MS
        total = Counted()
        for start, counted in self.minutes.items():
            if start > since - MINUTE_MS:
                total.written_rows += counted.written_rows
                total.written_bytes += counted.written_bytes
                total.read_rows += counted.read_rows
                total.read_bytes += counted.read_bytes
        return _point(since, total, POINT_MS)

    def history(self, now_ms: int, days: int) -> tuple[RatePoint, ...]:
        """One point per 30 minutes of the last days, oldest first; quiet ones are left out."""
        since = now_ms - days * 48 * POINT_MS
        points = sorted((s, c) for s, c in self.points.items() if s > since)
        return tuple(_point(s, c, min(POINT_MS, max(now_ms - s, 1000))) for s, c in points)


def _slot(slots: dict[int, Counted], start: int, bound: int) -> Counted:
    found = slots.get(start)
    if found is None:
        found = slots[start] = Counted()
        while len(slots) > bound:
            del slots[min(slots)]
    return found


def _point(start_ms: int, counted: Counted, length_ms: int) -> RatePoint:
    seconds = length_ms / 1000
    return RatePoint(
        start_ms=start_ms,
        read_bps=counted.read_bytes / seconds,
        read_eps=counted.read_rows / seconds,
        written_bps=counted.written_bytes / seconds,
        written_eps=counted.written_rows / seconds,
    )


_Pair = tuple[int, int]


class _Reads(msgspec.Struct, array_like=True, frozen=True):
    """Rows and bytes that were read of one stream in all, by start of an interval."""

    points: dict[int, _Pair]
    minutes: dict[int, _Pair]


class RateBook:
    """Rates of all streams; a `storage.Keeper` of what was read. Safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: dict[str, StreamRates] = {}
        self._read_in: dict[str, set[int]] = {}  # minutes that are in no note yet, by stream

    def _of(self, stream_id: str) -> StreamRates:
        found = self._streams.get(stream_id)
        if found is None:
            found = self._streams[stream_id] = StreamRates()
        return found

    def written(self, stream_id: str, instant_ms: int, rows: int, nbytes: int) -> None:
        """Rows of a stream became durable."""
        with self._lock:
            self._of(stream_id).written(instant_ms, rows, nbytes)

    def read(self, stream_id: str, instant_ms: int, rows: int, nbytes: int) -> None:
        """A query read rows of a stream."""
        if not rows:
            return
        with self._lock:
            self._of(stream_id).read(instant_ms, rows, nbytes)
            minutes = self._read_in.setdefault(stream_id, set())
            minutes.add(instant_ms - instant_ms % MINUTE_MS)
            if len(minutes) > MINUTES_MAX:  # notes are refused: the oldest are given up
                minutes.discard(min(minutes))

    def rates(
        self, stream_id: str, now_ms: int, days: int
    ) -> tuple[RatePoint, tuple[RatePoint, ...]]:
        """Averages over the last 30 minutes, and the points of the last days."""
        with self._lock:
            found = self._streams.get(stream_id) or StreamRates()
            return found.recent(now_ms), found.history(now_ms, days) if days else ()

    def drop(self, stream_id: str) -> None:
        """Forget a stream."""
        with self._lock:
            self._streams.pop(stream_id, None)
            self._read_in.pop(stream_id, None)

    def unsaved(self) -> bytes | None:
        """The data of a note of what was read since the last call; None if nothing was."""
        with self._lock:
            touched, self._read_in = self._read_in, {}
            found = {
                stream_id: _reads(rates, minutes)
                for stream_id, minutes in touched.items()
                if (rates := self._streams.get(stream_id)) is not None
            }
        return msgspec.msgpack.encode(found) if found else None

    # -- storage.Keeper

    def apply(self, note: Note, commit: Commit) -> None:
        """What was read, as noted: it counts where less is known. A stream without rows is gone."""
        noted = msgspec.msgpack.decode(note.data, type=dict[str, _Reads])
        with self._lock:
            for stream_id, reads in noted.items():
                rates = self._streams.get(stream_id)
                if rates is not None:
                    _raise(rates.points, reads.points, POINTS_MAX)
                    _raise(rates.minutes, reads.minutes, MINUTES_MAX)

    def snapshot(self) -> bytes:
        """Everything as of now."""
        with self._lock:
            return msgspec.msgpack.encode(
                {k: _Saved(rates.points, rates.minutes) for k, rates in self._streams.items()}
            )

    def restore(self, data: bytes) -> None:
        """Replace everything by a snapshot; one that cannot be read is logged."""
        try:
            saved = msgspec.msgpack.decode(data, type=dict[str, _Saved])
        except msgspec.DecodeError:
            _log.error("the kept rates cannot be read and begin anew")
            return
        with self._lock:
            self._streams = {
                k: StreamRates(dict(v.points), dict(v.minutes)) for k, v in saved.items()
            }


def _reads(rates: StreamRates, minutes: set[int]) -> _Reads:
    points = {minute - minute % POINT_MS for minute in minutes}
    return _Reads(_taken(rates.points, points), _taken(rates.minutes, minutes))


def _taken(slots: dict[int, Counted], starts: set[int]) -> dict[int, _Pair]:
    return {s: (slots[s].read_rows, slots[s].read_bytes) for s in starts if s in slots}


def _raise(slots: dict[int, Counted], noted: dict[int, _Pair], bound: int) -> None:
    for start, (rows, nbytes) in sorted(noted.items()):
        counted = _slot(slots, start, bound)
        counted.read_rows = max(counted.read_rows, rows)
        counted.read_bytes = max(counted.read_bytes, nbytes)
