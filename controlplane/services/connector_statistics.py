"""Counters of connectors over restarts: taken from their process, kept, given back to it."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import msgspec

from connectors.gaps import shown
from connectors.metrics import (
    MINUTE_MS,
    SourceCounters,
    SourceSample,
    SourceStats,
    ThroughputPoint,
)
from controlplane.db.connector_history import ConnectorHistory
from controlplane.services.connectors import Connectors
from controlplane.services.rest import pause
from engine.clock import Clock
from engine.errors import EngineUnavailable

log = logging.getLogger("tailrace.connectors")

# What a killed server forgets at most.
SAMPLE_SECONDS: Final = 10.0
# The longest range that can be asked for; older minutes are removed.
RANGE_MS_MAX: Final = 7 * 86_400_000
PRUNE_SECONDS: Final = 3_600.0


class ConnectorStatistics:
    """Keeps what connectors count. `run` samples until `close`, and once more then."""

    def __init__(self, history: ConnectorHistory, connectors: Connectors, clock: Clock) -> None:
        self._history = history
        self._connectors = connectors
        self._clock = clock
        self._closing = asyncio.Event()
        self._seen: dict[str, SourceSample] = {}  # of those that run, as they were stored
        self._since_minute = 0
        self._pruned: float | None = None

    async def run(self) -> None:
        """Sample every 10 s."""
        while not self._closing.is_set():
            await pause(self._closing, SAMPLE_SECONDS)
            await self.sample()
            await self._prune()

    def close(self) -> None:
        """End `run` after a last sample."""
        self._closing.set()

    async def sample(self) -> None:
        """Store what has changed since the last time."""
        minute = self._clock.now_ms() // MINUTE_MS
        try:
            found = await self._connectors.samples(self._since_minute)
        except EngineUnavailable:
            return
        changed = [one for one in found if self._seen.get(one.id) != one]
        await self._history.save(
            {one.id: (msgspec.to_builtins(one.counters), one.minutes) for one in changed}
        )
        self._seen = {one.id: one for one in found}
        self._since_minute = minute

    async def _prune(self) -> None:
        now = self._clock.monotonic()
        if self._pruned is None or now - self._pruned >= PRUNE_SECONDS:
            self._pruned = now
            await self._history.prune((self._clock.now_ms() - RANGE_MS_MAX) // MINUTE_MS)

    async def begin(self, id_: str) -> SourceCounters | None:
        """What one goes on from that was started before."""
        stored = await self._history.counters(id_)
        return None if stored is None else msgspec.convert(stored, SourceCounters)

    async def reset(self, id_: str) -> None:
        """It is started anew: its counters begin at 0, its minutes and gaps stay."""
        last = await self.begin(id_) or SourceCounters()
        fresh = SourceCounters(minute=last.minute, minute_bytes=last.minute_bytes, gaps=last.gaps)
        self._seen.pop(id_, None)
        await self._history.save({id_: (msgspec.to_builtins(fresh), ())})

    async def forget(self, id_: str) -> None:
        """It was deleted."""
        self._seen.pop(id_, None)
        await self._history.forget(id_)

    async def stats(self, id_: str, range_ms: int, error_range_ms: int) -> SourceStats:
        """Counters since the start; throughput of the range, whichever life it was in."""
        range_ms = min(range_ms, RANGE_MS_MAX)
        error_range_ms = min(error_range_ms, RANGE_MS_MAX)
        try:
            live = await self._connectors.stats(id_, range_ms, error_range_ms)
        except EngineUnavailable:
            live = SourceStats()
        if not live.throughput:  # it does not run, and has not since the connector process began
            live = await self._stored(id_, error_range_ms)
        now = self._clock.now_ms()
        first = (now - range_ms) // MINUTE_MS
        known = await self._history.minutes(id_, first)
        # Another clock than ours may have been behind.
        within = tuple(p for p in live.throughput if p.time_ms // MINUTE_MS >= first)
        return msgspec.structs.replace(live, throughput=_joined(known, within, now))

    async def _stored(self, id_: str, error_range_ms: int) -> SourceStats:
        counters = await self.begin(id_) or SourceCounters()
        error = counters.last_error
        if error is not None and error.time_ms < self._clock.now_ms() - error_range_ms:
            error = None
        return SourceStats(
            received=counters.sent + counters.dropped,
            sent=counters.sent,
            sent_bytes=counters.sent_bytes,
            dropped=counters.dropped,
            errors=counters.errors,
            uptime_ms=counters.uptime_ms,
            last_error=error,
            gaps=shown(counters.gaps, self._clock.now_ms() - error_range_ms),
        )


def _joined(
    known: dict[int, int], live: tuple[ThroughputPoint, ...], now_ms: int
) -> tuple[ThroughputPoint, ...]:
    """A point for each minute from the first that is known to the one that runs."""
    running = now_ms // MINUTE_MS
    points = {point.time_ms // MINUTE_MS: point.value for point in live}
    for minute, size in known.items():
        passed = 60.0 if minute < running else max(1.0, (now_ms - minute * MINUTE_MS) / 1000)
        # One that was stopped and started has the bytes of both lives in the stored minute.
        points[minute] = max(points.get(minute, 0.0), size / passed)
    if not points:
        return ()
    return tuple(
        ThroughputPoint(minute * MINUTE_MS, points.get(minute, 0.0))
        for minute in range(min(points), max(running, max(points)) + 1)
    )
