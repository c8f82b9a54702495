"""Sources: definitions in the database, the work in the connector process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any, Final, Protocol, TypeVar

import msgspec

from connectors.contract import SourceDefinition
from connectors.metrics import SourceStats
from connectors.status import SourceStatus
from controlplane import problems
from controlplane.auth import Principal
from controlplane.db.repository import Directory, Repository
from controlplane.db.tables import Source
from controlplane.services.engines import Engines, WorkspaceEngine
from controlplane.services.names import check_name
from controlplane.services.rest import pause
from engine.clock import Clock
from engine.errors import EngineUnavailable, NotFound, Overloaded, SqlError, TailraceError

log = logging.getLogger("tailrace.sources")

RESUME_PAUSE_SECONDS: Final = 0.2
PREVIEW_SIZE_MAX: Final = 1_000
PREVIEW_MS_MAX: Final = 120_000
PREVIEW_MS_DEFAULT: Final = 30_000
STATS_RANGE_MS_MAX: Final = 7 * 86_400_000

T = TypeVar("T")


class Connectors(Protocol):
    """What is asked of the connector process; `connectors.control.ConnectorClient` does it.

    Every method raises EngineUnavailable while the process is away.
    """

    async def validate(self, type_: str, properties: dict[str, Any]) -> None:
        """UserError when type or properties do not fit."""
        ...

    async def start(self, source: SourceDefinition) -> SourceStatus:
        """Run it; the same definition again does nothing."""
        ...

    async def stop(self, source_id: str) -> SourceStatus:
        """Stop it after its last batch is written."""
        ...

    async def delete(self, source_id: str) -> None:
        """Stop and forget it."""
        ...

    async def status(self) -> dict[str, SourceStatus]:
        """States of all that were started."""
        ...

    async def stats(self, source_id: str, range_ms: int, error_range_ms: int) -> SourceStats:
        """Counters since the start."""
        ...

    async def preview(
        self, type_: str, properties: dict[str, Any], size: int, timeout_ms: int
    ) -> list[dict[str, Any]]:
        """Up to `size` events."""
        ...

    async def ready(self) -> bool:
        """Whether it answers."""
        ...


class NewSource(msgspec.Struct, frozen=True):
    """A source as the caller wants it; None keeps a stored value."""

    name: str | None = None
    type: str | None = None
    stream: str | None = None
    description: str | None = None
    properties: dict[str, Any] | None = None


class SourceService:
    """Create, change, start and stop sources; keeps the connector process doing what is wanted."""

    def __init__(
        self, directory: Directory, engines: Engines, connectors: Connectors, clock: Clock
    ) -> None:
        self._directory = directory
        self._engines = engines
        self._connectors = connectors
        self._clock = clock
        self._resume = asyncio.Event()
        self._resume.set()
        self._closing = asyncio.Event()

    def _of(self, principal: Principal) -> Repository[Source]:
        return self._directory.sources(principal.workspace_id)

    async def owners(self, workspace: str) -> dict[str, tuple[str, ...]]:
        """Uses that the workspace's engine must know: what each source writes to."""
        for place in await self._directory.workspaces():
            if place.name == workspace:
                rows = await self._directory.sources(place.id).list("name")
                return {_owner(row.id): (row.stream,) for row in rows}
        return {}

    async def list(self, principal: Principal) -> list[tuple[Source, SourceStatus]]:
        """All sources by name with what they do."""
        rows = await self._of(principal).list("name")
        states = await self._states()
        return [(row, _state(row, states)) for row in rows]

    async def get(self, principal: Principal, source_id: str) -> tuple[Source, SourceStatus]:
        """One source; 404."""
        row = await self._row(principal, source_id)
        return row, _state(row, await self._states())

    async def create(self, principal: Principal, new: NewSource) -> tuple[Source, SourceStatus]:
        """Store and start a source; its stream must exist (400 code 60)."""
        now = self._clock.now_ms()
        row = Source(
            id=self._clock.uuid4(),
            workspace_id=principal.workspace_id,
            created_at_ms=now,
            name=new.name or "",
            description=new.description or "",
            type=new.type or "",
            stream=new.stream or "",
            properties=new.properties or {},
            wanted="running",
            start_time_ms=now,
            created_by_id=principal.user_id,
            created_by_name=principal.user_name,
            updated_at_ms=now,
            updated_by_id=principal.user_id,
            updated_by_name=principal.user_name,
        )
        check_name(row.name, "source")
        await _reach(self._connectors.validate(row.type, row.properties))
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        _writable(workspace, row.stream)
        async with workspace.uses_lock:
            await _known_stream(engine.hold(_owner(row.id), (row.stream,)))
            await self._of(principal).add(row)
        return row, await self._start(principal.workspace, row)

    async def update(
        self, principal: Principal, source_id: str, change: NewSource, *, merge: bool
    ) -> tuple[Source, SourceStatus]:
        """Change a stopped source (else 400); `merge` mixes properties one level deep."""
        row = await self._row(principal, source_id)
        if row.wanted == "running":
            raise problems.bad_request("The source runs; stop it before it is changed.")
        values: dict[str, Any] = {
            "name": change.name or row.name,
            "stream": change.stream or row.stream,
            "description": change.description or row.description,
            "properties": row.properties if change.properties is None else change.properties,
        }
        if merge and change.properties is not None:
            values["properties"] = {**row.properties, **change.properties}
        check_name(values["name"], "source")
        await _reach(self._connectors.validate(row.type, values["properties"]))
        values.update(self._touched(principal))
        if values["stream"] == row.stream:
            await self._of(principal).update(row.id, **values)
        else:
            await self._move(principal, row.id, values)
        return await self.get(principal, source_id)

    async def _move(self, principal: Principal, source_id: str, values: dict[str, Any]) -> None:
        """Write to another stream from now on."""
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        _writable(workspace, values["stream"])
        async with workspace.uses_lock:
            await _known_stream(engine.hold(_owner(source_id), (values["stream"],)))
            await self._of(principal).update(source_id, **values)

    async def start(self, principal: Principal, source_id: str) -> None:
        """Run it; fine if it runs already."""
        row = await self._row(principal, source_id)
        if row.wanted != "running":
            row.start_time_ms = self._clock.now_ms()
            await self._of(principal).update(
                row.id, wanted="running", start_time_ms=row.start_time_ms
            )
        await self._start(principal.workspace, row)

    async def stop(self, principal: Principal, source_id: str) -> None:
        """Stop it after its last batch; fine if it is stopped already."""
        row = await self._row(principal, source_id)
        await self._of(principal).update(row.id, wanted="stopped")
        try:
            await self._connectors.stop(row.id)
        except EngineUnavailable:
            # A process that is away runs nothing, and a new one starts only what is wanted.
            log.info("source %s is stopped while the connector process is away", row.name)

    async def delete(self, principal: Principal, source_id: str) -> None:
        """Stop it and remove it; its stream stays."""
        row = await self._row(principal, source_id)
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        await self._of(principal).update(row.id, wanted="stopped")
        try:
            await self._connectors.delete(row.id)
        except EngineUnavailable:
            log.info("source %s is deleted while the connector process is away", row.name)
        async with workspace.uses_lock:
            await self._of(principal).delete(id=row.id)
            await engine.release(_owner(row.id))

    async def stats(
        self, principal: Principal, source_id: str, range_ms: int, error_range_ms: int
    ) -> SourceStats:
        """Counters since the start and the throughput of the range."""
        row = await self._row(principal, source_id)
        if range_ms <= 0 or error_range_ms <= 0:
            raise problems.bad_request("A time range is more than 0.")
        ranges = (min(range_ms, STATS_RANGE_MS_MAX), min(error_range_ms, STATS_RANGE_MS_MAX))
        return await _reach(self._connectors.stats(row.id, *ranges))

    async def preview(
        self, type_: str, properties: dict[str, Any], size: int, timeout_ms: int
    ) -> list[dict[str, Any]]:
        """Events of a source that is not created."""
        size = min(max(size, 1), PREVIEW_SIZE_MAX)
        timeout_ms = min(max(timeout_ms, 1), PREVIEW_MS_MAX)
        return await _reach(self._connectors.preview(type_, properties, size, timeout_ms))

    async def _row(self, principal: Principal, source_id: str) -> Source:
        row = await self._of(principal).get(id=source_id)
        if row is None:
            raise problems.unknown("source", source_id)
        return row

    def _touched(self, principal: Principal) -> dict[str, Any]:
        return {
            "updated_at_ms": self._clock.now_ms(),
            "updated_by_id": principal.user_id,
            "updated_by_name": principal.user_name,
        }

    async def _start(self, workspace: str, row: Source) -> SourceStatus:
        try:
            return await self._connectors.start(_definition(workspace, row))
        except EngineUnavailable:
            self._resume.set()
            return SourceStatus(row.id, "running", "", row.start_time_ms)

    async def _states(self) -> dict[str, SourceStatus] | None:
        try:
            return await self._connectors.status()
        except EngineUnavailable:
            return None

    def restarted(self) -> None:
        """The connector process is new: it must be told again what to run."""
        self._resume.set()

    async def keep_running(self) -> None:
        """Start what is wanted whenever the connector process is new, until `close`."""
        await self._resume.wait()
        while not self._closing.is_set():
            self._resume.clear()
            try:
                await self._start_wanted()
            except EngineUnavailable:
                self._resume.set()
                await pause(self._closing, RESUME_PAUSE_SECONDS)
            await self._resume.wait()

    def close(self) -> None:
        """End `keep_running` at its next rest."""
        self._closing.set()
        self._resume.set()

    async def _start_wanted(self) -> None:
        for place in await self._directory.workspaces():
            for row in await self._directory.sources(place.id).list("name", wanted="running"):
                await self._engines.of(place.name)
                try:
                    await self._connectors.start(_definition(place.name, row))
                except EngineUnavailable:
                    raise
                except TailraceError as error:
                    log.error("source %s cannot be started: %s", row.name, error.message)


def _owner(source_id: str) -> str:
    return f"source:{source_id}"


def _definition(workspace: str, row: Source) -> SourceDefinition:
    return SourceDefinition(row.id, workspace, row.name, row.type, row.stream, row.properties)


def _state(row: Source, states: dict[str, SourceStatus] | None) -> SourceStatus:
    """What a source does; a wanted one that nobody knows is about to run."""
    if row.wanted == "stopped":
        return SourceStatus(row.id, "stopped", "", row.start_time_ms)
    if states is None:
        return SourceStatus(
            row.id, "failed", "The connector process is starting.", row.start_time_ms
        )
    return states.get(row.id, SourceStatus(row.id, "running", "", row.start_time_ms))


async def _reach(answer: Awaitable[T]) -> T:
    """A connector process that is away is back-pressure to the client."""
    try:
        return await answer
    except EngineUnavailable:
        raise Overloaded(
            "The connector process is starting; try again in a moment.", 429, "orbit"
        ) from None


def _writable(workspace: WorkspaceEngine, name: str) -> None:
    """400 for a view or a random stream. One that is not known yet is the engine's to refuse."""
    try:
        kind = workspace.definition(name).kind
    except NotFound:
        return
    if kind != "stream":
        what = "view" if kind == "view" else "random stream"
        raise problems.bad_request(f"{name} is a {what}; a source writes to a stream.")


async def _known_stream(answer: Awaitable[None]) -> None:
    """A stream that does not exist is the request's fault here (400), not an unknown address."""
    try:
        await answer
    except NotFound as error:
        raise SqlError(error.message, error.code, error.system) from None
