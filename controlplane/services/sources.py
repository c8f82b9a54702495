"""Sources: definitions in the database, the work in the connector process.

Each step of a change leaves a state that the next start repairs: a use without a row is dropped, a
row without a use gets it again, what should run is started. Streams are never touched by that.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

import msgspec

from connectors.contract import SourceDefinition
from connectors.metrics import SourceStats
from connectors.status import SourceStatus
from controlplane import problems
from controlplane.auth import Principal
from controlplane.db.repository import Directory, Repository
from controlplane.db.tables import Source
from controlplane.services import secrets
from controlplane.services.connectors import Connectors
from controlplane.services.engines import Engines, WorkspaceEngine
from controlplane.services.names import check_name
from controlplane.services.rest import pause
from controlplane.services.secrets import SecretsError, Vault
from controlplane.services.source_statistics import SourceStatistics
from engine.clock import Clock
from engine.errors import EngineUnavailable, NotFound, Overloaded, SqlError, TailraceError
from engine.protocol import Engine

log = logging.getLogger("tailrace.sources")

RESUME_PAUSE_SECONDS: Final = 0.2
PREVIEW_SIZE_MAX: Final = 1_000
PREVIEW_MS_MAX: Final = 120_000
PREVIEW_MS_DEFAULT: Final = 30_000
LOG_LINES_MAX: Final = 500

T = TypeVar("T")


class NewSource(msgspec.Struct, frozen=True):
    """A source as the caller wants it; None keeps a stored value."""

    name: str | None = None
    type: str | None = None
    stream: str | None = None
    description: str | None = None
    properties: dict[str, Any] | None = None


class Means(msgspec.Struct, frozen=True):
    """What sources need beside the store and the engines."""

    connectors: Connectors
    vault: Vault
    statistics: SourceStatistics


class SourceService:
    """Create, change, start and stop sources; keeps the connector process doing what is wanted."""

    def __init__(self, directory: Directory, engines: Engines, means: Means, clock: Clock) -> None:
        self._directory = directory
        self._engines = engines
        self._connectors = means.connectors
        self._vault = means.vault
        self._statistics = means.statistics
        self._clock = clock
        self._resume = asyncio.Event()
        self._resume.set()
        self._closing = asyncio.Event()
        # One change of a source at a time, so that none is started that was just deleted.
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    def _of(self, principal: Principal) -> Repository[Source]:
        return self._directory.sources(principal.workspace_id)

    def _lock(self, source_id: str) -> asyncio.Lock:
        return self._locks.setdefault(source_id, asyncio.Lock())

    async def owners(self, workspace: str) -> dict[str, tuple[str, ...]]:
        """Uses that the workspace's engine must know: what each source writes to."""
        for place in await self._directory.workspaces():
            if place.name == workspace:
                rows = await self._directory.sources(place.id).list("name")
                return {_owner(row.id): (row.stream,) for row in rows}
        return {}

    async def seal_stored(self) -> None:
        """Seal what is not, or with an older key; SecretsError when a key is missing."""
        for place in await self._directory.workspaces():
            rows = self._directory.sources(place.id)
            for row in await rows.list("name"):
                ids = secrets.key_ids(row.properties)
                self._vault.check(f"The source {row.name} of workspace {place.name}", ids)
                if self._vault.stale(row.properties):
                    names = secrets.sealed_names(row.properties)
                    opened = self._vault.opened(row.properties, _owner(row.id))
                    sealed = self._vault.sealed(opened, names, _owner(row.id))
                    await rows.update(row.id, properties=sealed)

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
            wanted="running",
            start_time_ms=now,
            created_by_id=principal.user_id,
            created_by_name=principal.user_name,
            updated_at_ms=now,
            updated_by_id=principal.user_id,
            updated_by_name=principal.user_name,
        )
        check_name(row.name, "source")
        row.properties = await self._sealed(row, new.properties or {})
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        _writable(workspace, row.stream)
        async with self._lock(row.id):
            async with workspace.uses_lock:
                await _known_stream(engine.hold(_owner(row.id), (row.stream,)))
                try:
                    await self._of(principal).add(row)
                except BaseException:
                    if await self._of(principal).get(id=row.id) is None:
                        await _let_go(engine, row.id)
                    raise
            return row, await self._start(principal.workspace, row)

    async def _sealed(self, row: Source, given: dict[str, Any]) -> dict[str, Any]:
        """Properties as they are stored; 400 for those that do not fit the type."""
        secrets.refuse_sealed(given)
        names = await _reach(self._connectors.validate(row.type, given))
        secrets.refuse_masks(given, names)
        return self._vault.sealed(given, names, _owner(row.id))

    async def update(
        self, principal: Principal, source_id: str, change: NewSource, *, merge: bool
    ) -> tuple[Source, SourceStatus]:
        """Change a stopped source (else 400); `merge` mixes properties one level deep."""
        async with self._lock(source_id):
            row = await self._row(principal, source_id)
            if row.wanted == "running":
                raise problems.bad_request("The source runs; stop it before it is changed.")
            values: dict[str, Any] = {
                "name": change.name or row.name,
                "stream": change.stream or row.stream,
                "description": change.description or row.description,
                **self._touched(principal),
            }
            check_name(values["name"], "source")
            if change.properties is not None:
                given = self._unmasked(row, change.properties, merge=merge)
                values["properties"] = await self._sealed(row, given)
            if values["stream"] == row.stream:
                await self._of(principal).update(row.id, **values)
            else:
                await self._move(principal, row, values)
        return await self.get(principal, source_id)

    def _unmasked(self, row: Source, given: dict[str, Any], *, merge: bool) -> dict[str, Any]:
        """What was given, with the stored values of secrets that came back masked."""
        secrets.refuse_sealed(given)
        stored = self._vault.opened(row.properties, _owner(row.id))
        names = secrets.sealed_names(row.properties)
        kept = secrets.kept(given, stored, names)
        return {**stored, **kept} if merge else kept

    async def _move(self, principal: Principal, row: Source, values: dict[str, Any]) -> None:
        """Write to another stream from now on. Both are held until the row says which."""
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        _writable(workspace, values["stream"])
        async with workspace.uses_lock:
            held = [d.name for d in workspace.snapshot.definitions if d.name == row.stream]
            await _known_stream(engine.hold(_owner(row.id), (*held, values["stream"])))
            await self._of(principal).update(row.id, **values)
            await engine.hold(_owner(row.id), (values["stream"],))

    async def start(self, principal: Principal, source_id: str) -> None:
        """Run it; fine if it runs already."""
        async with self._lock(source_id):
            row = await self._row(principal, source_id)
            if row.wanted != "running":
                row.start_time_ms = self._clock.now_ms()
                await self._statistics.reset(row.id)
                await self._of(principal).update(
                    row.id, wanted="running", start_time_ms=row.start_time_ms
                )
            await self._start(principal.workspace, row)

    async def stop(self, principal: Principal, source_id: str) -> None:
        """Stop it after its last batch; fine if it is stopped already."""
        async with self._lock(source_id):
            row = await self._row(principal, source_id)
            await self._of(principal).update(row.id, wanted="stopped")
            try:
                await self._connectors.stop(row.id)
            except EngineUnavailable:
                # A process that is away runs nothing, and a new one starts only what is wanted.
                log.info("source %s is stopped while the connector process is away", row.name)
            await self._statistics.sample()

    async def delete(self, principal: Principal, source_id: str) -> None:
        """Stop it and remove it; its stream stays."""
        async with self._lock(source_id):
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
                await _let_go(engine, row.id)

    async def stats(
        self, principal: Principal, source_id: str, range_ms: int, error_range_ms: int
    ) -> SourceStats:
        """Counters since the start and the throughput of the range."""
        row = await self._row(principal, source_id)
        if range_ms <= 0 or error_range_ms <= 0:
            raise problems.bad_request("A time range is more than 0.")
        return await self._statistics.stats(row.id, range_ms, error_range_ms)

    async def log(self, principal: Principal, source_id: str, lines: int) -> list[str]:
        """What happened to it since the connector process began, oldest line first."""
        row = await self._row(principal, source_id)
        if lines <= 0:
            raise problems.bad_request("The number of lines is more than 0.")
        return await _reach(self._connectors.log(row.id, min(lines, LOG_LINES_MAX)))

    async def topics(self, properties: dict[str, Any]) -> list[str]:
        """Topic names of a Kafka cluster."""
        return await _reach(self._connectors.topics(properties))

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
            begin = await self._statistics.begin(row.id)
            return await self._connectors.start(self._definition(workspace, row), begin)
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

    async def forget_workspace(self, workspace_id: str) -> None:
        """End the sources of a workspace that was deleted; its rows go with it."""
        for row in await self._directory.sources(workspace_id).list("name"):
            try:
                await self._connectors.delete(row.id)
            except EngineUnavailable:  # a new process starts only what can be found
                return

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
        if not await self._connectors.ready():
            raise EngineUnavailable("The connector process is starting.", 503, "orbit")
        for place in await self._directory.workspaces():
            for row in await self._directory.sources(place.id).list("name", wanted="running"):
                try:
                    await self._engines.of(place.name)
                    await self._resume_one(place.id, place.name, row.id)
                except EngineUnavailable:
                    raise
                except (TailraceError, SecretsError) as error:
                    log.error("source %s cannot be started: %s", row.name, error)

    async def _resume_one(self, workspace_id: str, workspace: str, source_id: str) -> None:
        async with self._lock(source_id):
            row = await self._directory.sources(workspace_id).get(id=source_id, wanted="running")
            if row is not None:
                begin = await self._statistics.begin(row.id)
                await self._connectors.start(self._definition(workspace, row), begin)

    def _definition(self, workspace: str, row: Source) -> SourceDefinition:
        properties = self._vault.opened(row.properties, _owner(row.id))
        return SourceDefinition(row.id, workspace, row.name, row.type, row.stream, properties)


def _owner(source_id: str) -> str:
    return f"source:{source_id}"


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
        what = kind.replace("_", " ")
        article = "an" if what.startswith("e") else "a"
        raise problems.bad_request(f"{name} is {article} {what}; a source writes to a stream.")


async def _known_stream(answer: Awaitable[None]) -> None:
    """A stream that does not exist is the request's fault here (400), not an unknown address."""
    try:
        await answer
    except NotFound as error:
        raise SqlError(error.message, error.code, error.system) from None


async def _let_go(engine: Engine, source_id: str) -> None:
    """An engine that is away hears of it when it is back: uses are compared then."""
    try:
        await engine.release(_owner(source_id))
    except EngineUnavailable:
        log.info("the use of source %s is dropped when the engine is back", source_id)
