"""Counters of one running source, and its throughput minute by minute."""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from engine.clock import Clock

MINUTE_MS: Final = 60_000
# A week of minutes: the longest range that stats are asked for; 10,080 pairs, about 1 MB.
MINUTES_MAX: Final = 7 * 24 * 60
MESSAGE_MAX: Final = 1000


class ThroughputPoint(msgspec.Struct, frozen=True):
    """Bytes per second made durable, averaged over the minute that begins at `time_ms`."""

    time_ms: int
    value: float


class ErrorRecord(msgspec.Struct, frozen=True):
    """An error with its wall time."""

    time_ms: int
    message: str


class SourceStats(msgspec.Struct, frozen=True):
    """Counters since the source was started. Events, bytes and milliseconds as the names say.

    `received` came in, `sent` are durable, `dropped` could not be stored and were given up,
    `errors` counts failed attempts of any kind; `lag_ms` is how long the newest durable batch was
    on its way; `throughput` covers the asked range, oldest first, and ends with the minute that
    still runs, averaged over the part of it that has passed.
    """

    received: int = 0
    sent: int = 0
    sent_bytes: int = 0
    dropped: int = 0
    errors: int = 0
    buffered: int = 0
    lag_ms: int = 0
    uptime_ms: int = 0
    last_error: ErrorRecord | None = None
    throughput: tuple[ThroughputPoint, ...] = ()


class SourceMetrics:
    """Counts what a runner does. Not thread-safe: one loop owns it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = clock.monotonic()
        self.received = 0
        self.sent = 0
        self.sent_bytes = 0
        self.dropped = 0
        self.errors = 0
        self.lag_ms = 0
        self.last_error: ErrorRecord | None = None
        self._first_minute = clock.now_ms() // MINUTE_MS
        self._minutes: deque[list[int]] = deque(maxlen=MINUTES_MAX)

    def batch_received(self, events: int) -> None:
        """A batch of the source was taken into the buffer."""
        self.received += events

    def batch_sent(self, events: int, size: int, created: float) -> None:
        """A batch created at monotonic second `created` is durable."""
        self.sent += events
        self.sent_bytes += size
        self.lag_ms = max(0, round((self._clock.monotonic() - created) * 1000))
        minute = self._clock.now_ms() // MINUTE_MS
        if self._minutes and self._minutes[-1][0] == minute:
            self._minutes[-1][1] += size
        else:
            self._minutes.append([minute, size])

    def batch_dropped(self, events: int) -> None:
        """A batch was given up."""
        self.dropped += events

    def failed(self, message: str) -> None:
        """An attempt failed."""
        self.errors += 1
        self.last_error = ErrorRecord(self._clock.now_ms(), message[:MESSAGE_MAX])

    def snapshot(self, range_ms: int, error_range_ms: int) -> SourceStats:
        """The counters; throughput and the latest error only as far back as the ranges say."""
        now = self._clock.now_ms()
        error = self.last_error
        if error is not None and error.time_ms < now - error_range_ms:
            error = None
        return SourceStats(
            received=self.received,
            sent=self.sent,
            sent_bytes=self.sent_bytes,
            dropped=self.dropped,
            errors=self.errors,
            buffered=self.received - self.sent - self.dropped,
            lag_ms=self.lag_ms,
            uptime_ms=round((self._clock.monotonic() - self._started) * 1000),
            last_error=error,
            throughput=self._points(now, range_ms),
        )

    def _points(self, now_ms: int, range_ms: int) -> tuple[ThroughputPoint, ...]:
        running = now_ms // MINUTE_MS
        first = max(self._first_minute, running - min(range_ms // MINUTE_MS, MINUTES_MAX))
        sizes = {minute: size for minute, size in self._minutes if minute >= first}
        full = [
            ThroughputPoint(minute * MINUTE_MS, sizes.get(minute, 0) / 60)
            for minute in range(first, running)
        ]
        passed = max(1.0, (now_ms - running * MINUTE_MS) / 1000)
        return (*full, ThroughputPoint(running * MINUTE_MS, sizes.get(running, 0) / passed))
