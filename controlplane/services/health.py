"""State of the server for probes, /info and the metrics scrape."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from controlplane.db.repository import Directory
from controlplane.services.connectors import Connectors
from controlplane.services.engines import Engines, WorkspaceEngine
from controlplane.services.queries import QueryService
from controlplane.services.workspace_folders import WorkspaceFolders
from controlplane.telemetry import Gauge
from engine.errors import TailraceError
from engine.protocol import EngineInfo

CHECK_SECONDS_MAX: Final = 2.0
OK: Final = "ok"


class Health(msgspec.Struct, frozen=True):
    """Result of the checks by part; `ready` when all are ok."""

    ready: bool
    checks: dict[str, str]


class HealthService:
    """Asks every part whether it works; never waits longer than CHECK_SECONDS_MAX."""

    def __init__(
        self,
        directory: Directory,
        engines: Engines,
        connectors: Connectors,
        queries: QueryService,
        restarts: dict[str, int],
        folders: WorkspaceFolders,
    ) -> None:
        self._folders = folders
        self._directory = directory
        self._engines = engines
        self._connectors = connectors
        self._queries = queries
        self._restarts = restarts
        self.stopping = False

    async def check(self) -> Health:
        """Whether requests can be served now."""
        database, engine, connectors = await asyncio.gather(
            self._database(), self._engine(), self._connector_process()
        )
        checks = {"database": database, "engine": engine, "connectors": connectors}
        ready = not self.stopping and all(state == OK for state in checks.values())
        return Health(ready, checks)

    async def _database(self) -> str:
        try:
            async with asyncio.timeout(CHECK_SECONDS_MAX):
                answers = await self._directory.ping()
        except TimeoutError:
            answers = False
        return OK if answers else "does not answer"

    async def _engine(self) -> str:
        """The engines that have to run must answer; of the others only those that do count."""
        places = self._engines.all()
        infos = await asyncio.gather(*(engine_info(place) for place in places))
        if not any(place.needed for place in places):
            return "starting"
        for place, info in zip(places, infos, strict=True):
            if info is None and place.needed:
                return "starting"
            if info is not None and not info.writable:
                return info.reason or "read only"
        return OK

    async def _connector_process(self) -> str:
        try:
            async with asyncio.timeout(CHECK_SECONDS_MAX):
                return OK if await self._connectors.ready() else "starting"
        except TimeoutError:
            return "does not answer"

    async def engine_version(self) -> str:
        """Version of a running engine, '' while none answers."""
        for place in self._engines.all():
            info = await engine_info(place)
            if info is not None:
                return info.version
        return ""

    async def gauges(self) -> list[Gauge]:
        """Numbers of the services and the engines for the scrape."""
        found = [
            Gauge("tailrace_process_restarts", "Restarts.", count, {"process": name}, "counter")
            for name, count in self._restarts.items()
        ]
        slow = self._queries.slow_readers
        found.append(Gauge("tailrace_sse_slow_readers", "Readers ended.", slow, {}, "counter"))
        for place in self._engines.all():
            found += await self.gauges_of(place.workspace)
        return found + await asyncio.to_thread(self._disk)

    async def workspace_gauges(self, workspace: str) -> list[Gauge]:
        """Numbers of one workspace, and of the disk that it shares, for its users."""
        return await self.gauges_of(workspace) + await asyncio.to_thread(self._disk)

    async def gauges_of(self, workspace: str) -> list[Gauge]:
        """Numbers of one workspace's queries and engine, which may not run."""
        label = {"workspace": workspace}
        running = self._queries.running(workspace)
        place = self._engines.find(workspace)
        info = None if place is None else await engine_info(place)
        found = [
            Gauge("tailrace_queries_running", "Running queries.", running, label),
            Gauge("tailrace_engine_up", "Whether the engine answers.", info is not None, label),
        ]
        return found if info is None else found + _engine_gauges(info, label)

    def _disk(self) -> list[Gauge]:
        try:
            free, all_ = self._folders.space()
        except OSError:
            return []
        return [
            Gauge("tailrace_disk_free_bytes", "Free bytes on the data folder's disk.", free),
            Gauge("tailrace_disk_bytes", "Size of the data folder's disk.", all_),
        ]


async def engine_info(place: WorkspaceEngine) -> EngineInfo | None:
    """What an engine says about itself, None while it does not answer."""
    engine = place.connected
    if engine is None:
        return None
    try:
        async with asyncio.timeout(CHECK_SECONDS_MAX):
            return await engine.info()
    except (TailraceError, TimeoutError):
        return None


def _engine_gauges(info: EngineInfo, label: dict[str, str]) -> list[Gauge]:
    own = [
        Gauge("tailrace_engine_writable", "Whether writes are accepted.", info.writable, label),
        Gauge("tailrace_engine_log_bytes", "Bytes of the raw log.", info.log_bytes, label),
    ]
    return own + [
        Gauge(f"tailrace_engine_{name}", f"Engine counter {name}.", value, label)
        for name, value in sorted(info.counters.items())
    ]
