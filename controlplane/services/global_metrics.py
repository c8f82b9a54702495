"""Global metrics: bytes of all streams of a workspace, and what flows in and out of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import msgspec

from connectors.metrics import MINUTE_MS, SourceStats
from controlplane.auth import Principal
from controlplane.problems import Problem
from controlplane.services.engines import Engines
from controlplane.services.sources import SourceService
from engine.errors import Overloaded

# Sources whose counters are asked for at once.
STATS_AT_ONCE: Final = 16

# Bytes per second of all connectors of one kind of the caller's workspace.
Throughput = Callable[[Principal], Awaitable[float]]


class GlobalMetrics(msgspec.Struct, frozen=True):
    """`storage` in bytes on disk, throughputs in bytes per second."""

    storage: int
    source_throughput: float
    sink_throughput: float


class GlobalMetricsService:
    """Adds up what the parts have measured."""

    def __init__(
        self, engines: Engines, into: Iterable[Throughput], out_of: Iterable[Throughput]
    ) -> None:
        """`into` measure what connectors bring, `out_of` what they take out."""
        self._engines = engines
        self._into = tuple(into)
        self._out_of = tuple(out_of)

    async def measure(self, principal: Principal) -> GlobalMetrics:
        """The figures as of now."""
        engine = await (await self._engines.of(principal.workspace)).engine()
        info = await engine.info()
        stored = info.log_bytes + int(info.counters.get("history_bytes", 0))
        return GlobalMetrics(
            stored,
            sum([await each(principal) for each in self._into]),
            sum([await each(principal) for each in self._out_of]),
        )


class SourceThroughput:
    """What the sources of a workspace made durable in the last minute that is over."""

    def __init__(self, sources: SourceService) -> None:
        self._sources = sources

    async def __call__(self, principal: Principal) -> float:
        """Bytes per second of all running sources; nothing while no connector process answers."""
        rows = await self._sources.list(principal)
        room = asyncio.Semaphore(STATS_AT_ONCE)

        async def one(source_id: str) -> float:
            async with room:
                try:
                    stats = await self._sources.stats(principal, source_id, MINUTE_MS, MINUTE_MS)
                except (Problem, Overloaded):  # it was deleted, or the process is away
                    return 0.0
                return last_minute(stats)

        return sum(
            await asyncio.gather(
                *(one(row.id) for row, status in rows if status.status == "running")
            )
        )


def last_minute(stats: SourceStats) -> float:
    """The last minute that is over, or, of a source that is younger, the one that runs."""
    points = stats.throughput
    return points[-2].value if len(points) > 1 else points[-1].value if points else 0.0
