"""Rates of a stream: rows and bytes per 30 minutes, kept for a week, and of the last 30 minutes."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from engine.protocol import RatePoint

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


class RateBook:
    """Rates of all streams. Not thread-safe: its owner locks."""

    def __init__(self) -> None:
        self._streams: dict[str, StreamRates] = {}

    def of(self, stream_id: str) -> StreamRates:
        """Rates of a stream, begun when they are not there."""
        found = self._streams.get(stream_id)
        if found is None:
            found = self._streams[stream_id] = StreamRates()
        return found

    def drop(self, stream_id: str) -> None:
        """Forget a stream."""
        self._streams.pop(stream_id, None)

    def snapshot(self) -> bytes:
        """Everything as of now."""
        return msgspec.msgpack.encode(
            {k: _Saved(rates.points, rates.minutes) for k, rates in self._streams.items()}
        )

    def restore(self, data: bytes) -> None:
        """Replace everything by a snapshot; raises msgspec.DecodeError."""
        saved = msgspec.msgpack.decode(data, type=dict[str, _Saved])
        self._streams = {k: StreamRates(dict(v.points), dict(v.minutes)) for k, v in saved.items()}
