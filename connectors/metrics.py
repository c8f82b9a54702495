"""Counters of one source, sink or alert, and its throughput minute by minute."""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from connectors.gaps import Gap, Gaps, GapsKept
from engine.clock import Clock

MINUTE_MS: Final = 60_000
# A week of minutes: the longest range that stats are asked for; 10,080 pairs, about 1 MB.
MINUTES_MAX: Final = 7 * 24 * 60
MESSAGE_MAX: Final = 1000


class ThroughputPoint(msgspec.Struct, frozen=True):
    """Bytes per second made durable or delivered, averaged over the minute that begins then."""

    time_ms: int
    value: float


class ErrorRecord(msgspec.Struct, frozen=True):
    """An error with its wall time."""

    time_ms: int
    message: str


class SourceStats(msgspec.Struct, frozen=True):
    """Counters since it was started. Events, bytes and milliseconds as the names say.

    Of a source `received` came in, `sent` are durable, `dropped` could not be stored and were given
    up. Of a sink `received` are rows of its query, `sent` were delivered, `dropped` were given up
    (dead letters); of an alert the same of its notifications. `errors` counts failed attempts of
    any kind; `lag_ms` is how long the newest durable or delivered batch was on its way;
    `throughput` covers the asked range, oldest first, and ends with the minute that still runs,
    averaged over the part of it that has passed. `gaps`: of the range of the error, for sources
    that promise at most once.
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
    gaps: tuple[Gap, ...] = ()


class SourceCounters(msgspec.Struct, frozen=True):
    """What is kept of a source's counters over a restart, so that the next life goes on with them.

    `minute` is the last one in which bytes became durable (minutes since the epoch), `minute_bytes`
    how many; what was on its way is not counted: it comes again, or is lost.
    """

    sent: int = 0
    sent_bytes: int = 0
    dropped: int = 0
    errors: int = 0
    uptime_ms: int = 0
    minute: int = 0
    minute_bytes: int = 0
    last_error: ErrorRecord | None = None
    gaps: GapsKept = GapsKept()


class SourceSample(msgspec.Struct, frozen=True):
    """A source's counters now, and the bytes of its minutes since the one that was asked for."""

    id: str
    counters: SourceCounters
    minutes: tuple[tuple[int, int], ...] = ()


class SourceMetrics:
    """Counts what a runner does, from `begin` on. Not thread-safe: one loop owns it."""

    def __init__(self, clock: Clock, begin: SourceCounters | None = None) -> None:
        begin = begin or SourceCounters()
        self._clock = clock
        self._started = clock.monotonic()
        self._ended: float | None = None
        self._up_before = begin.uptime_ms
        self.sent = begin.sent
        self.sent_bytes = begin.sent_bytes
        self.dropped = begin.dropped
        self.received = begin.sent + begin.dropped
        self.errors = begin.errors
        self.lag_ms = 0
        self.last_error = begin.last_error
        self.gaps: Gaps | None = None  # of sources that may lose what is sent
        self._minutes: deque[list[int]] = deque(maxlen=MINUTES_MAX)
        now = clock.now_ms() // MINUTE_MS
        self._first_minute = now
        if begin.minute_bytes and begin.minute == now:
            self._minutes.append([begin.minute, begin.minute_bytes])

    def end(self) -> None:
        """The source was stopped: its uptime grows no more."""
        if self._ended is None:
            self._ended = self._clock.monotonic()

    @property
    def uptime_ms(self) -> int:
        """How long it has run."""
        until = self._clock.monotonic() if self._ended is None else self._ended
        return self._up_before + round((until - self._started) * 1000)

    def batch_received(self, events: int) -> None:
        """A batch of the source was taken into the buffer."""
        self.received += events

    def begun_anew(self) -> None:
        """What was received and is neither sent nor dropped will be received again."""
        self.received = self.sent + self.dropped

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

    def corrected(self, events: int) -> None:
        """What was received was so many events more than it had been taken for."""
        self.received += events

    def batch_dropped(self, events: int) -> None:
        """A batch was given up."""
        self.dropped += events

    def failed(self, message: str) -> None:
        """An attempt failed."""
        self.errors += 1
        self.last_error = ErrorRecord(self._clock.now_ms(), message[:MESSAGE_MAX])

    def sample(self, id_: str, since_minute: int) -> SourceSample:
        """The counters as they are kept over a restart."""
        minute, size = self._minutes[-1] if self._minutes else (0, 0)
        counters = SourceCounters(
            self.sent,
            self.sent_bytes,
            self.dropped,
            self.errors,
            self.uptime_ms,
            minute,
            size,
            self.last_error,
            GapsKept() if self.gaps is None else self.gaps.kept(),
        )
        minutes: list[tuple[int, int]] = []
        for minute, size in reversed(self._minutes):
            if minute < since_minute:
                break
            minutes.append((minute, size))
        return SourceSample(id_, counters, tuple(reversed(minutes)))

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
            uptime_ms=self.uptime_ms,
            last_error=error,
            throughput=self._points(now, range_ms),
            gaps=() if self.gaps is None else self.gaps.since(now - error_range_ms),
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
