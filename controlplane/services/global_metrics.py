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
from controlplane.services.sinks import SinkService
from controlplane.services.sources import SourceService
from engine.errors import Overloaded

# Connectors whose counters are asked for at once.
STATS_AT_ONCE: Final = 16

# Ids of what runs in the caller's workspace, and the counters of one.
Running = Callable[[Principal], Awaitable[list[str]]]
Stats = Callable[[Principal, str, int, int], Awaitable[SourceStats]]
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


class ConnectorThroughput:
    """What the running sources, or sinks, of a workspace moved in the last minute that is over."""

    def __init__(self, running: Running, stats: Stats) -> None:
        self._running = running
        self._stats = stats

    async def __call__(self, principal: Principal) -> float:
        """Bytes per second of all that run; nothing while no connector process answers."""
        room = asyncio.Semaphore(STATS_AT_ONCE)

        async def one(identity: str) -> float:
            async with room:
                try:
                    stats = await self._stats(principal, identity, MINUTE_MS, MINUTE_MS)
                except (Problem, Overloaded):  # it was deleted, or the process is away
                    return 0.0
                return last_minute(stats)

        return sum(await asyncio.gather(*map(one, await self._running(principal))))


def throughputs(
    sources: SourceService, sinks: SinkService
) -> tuple[ConnectorThroughput, ConnectorThroughput]:
    """Of sources, and of sinks."""

    async def of_sources(principal: Principal) -> list[str]:
        found = await sources.list(principal)
        return [row.id for row, status in found if status.status == "running"]

    async def of_sinks(principal: Principal) -> list[str]:
        return [row.id for row, shown in await sinks.list(principal) if shown.status == "running"]

    return (
        ConnectorThroughput(of_sources, sources.stats),
        ConnectorThroughput(of_sinks, sinks.delivered),
    )


def last_minute(stats: SourceStats) -> float:
    """The last minute that is over, or, of a connector that is younger, the one that runs."""
    points = stats.throughput
    return points[-2].value if len(points) > 1 else points[-1].value if points else 0.0
