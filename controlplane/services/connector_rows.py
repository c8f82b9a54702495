"""What sources, sinks and alerts have in common: stored definitions of what the connectors run."""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec

from connectors.metrics import SourceStats
from connectors.status import SourceStatus
from controlplane import problems
from controlplane.auth import Principal
from controlplane.db.repository import Directory, Repository
from controlplane.db.tables import Connector
from controlplane.services import secrets
from controlplane.services.connector_statistics import ConnectorStatistics
from controlplane.services.connectors import Connectors
from controlplane.services.engines import Engines, WorkspaceEngine
from controlplane.services.resume import Resume
from controlplane.services.secrets import Vault
from engine.clock import Clock
from engine.errors import EngineUnavailable, NotFound, Overloaded, SqlError
from engine.naming import is_servers
from engine.protocol import Engine

log = logging.getLogger("tailrace.connectors")

RUNNING: Final = "running"
STOPPED: Final = "stopped"
AWAY: Final = "The connector process is starting."
LOG_LINES_MAX: Final = 500

Validate = Callable[[dict[str, Any]], Awaitable[frozenset[str]]]

T = TypeVar("T")
Row = TypeVar("Row", bound=Connector)


class Means(msgspec.Struct, frozen=True):
    """What the services of connectors stand on."""

    directory: Directory
    engines: Engines
    connectors: Connectors
    vault: Vault
    statistics: ConnectorStatistics
    resume: Resume
    clock: Clock


class ConnectorRows(Generic[Row]):
    """The rows of one kind, `source`, `sink` or `alert`, and what is done alike with each kind."""

    def __init__(
        self, kind: str, repository: Callable[[str], Repository[Row]], means: Means
    ) -> None:
        self.kind = kind
        self._repository = repository
        self._means = means
        # One change at a time of each, so that none is started that was just deleted.
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    def of(self, principal: Principal) -> Repository[Row]:
        """The rows of the caller's workspace."""
        return self._repository(principal.workspace_id)

    def within(self, workspace_id: str) -> Repository[Row]:
        """The rows of a workspace."""
        return self._repository(workspace_id)

    def lock(self, identity: str) -> asyncio.Lock:
        """Held while one is changed, started or stopped."""
        return self._locks.setdefault(identity, asyncio.Lock())

    def owner(self, identity: str) -> str:
        """How the engine knows it."""
        return f"{self.kind}:{identity}"

    async def get(self, principal: Principal, identity: str) -> Row:
        """One row; 404."""
        row = await self.of(principal).get(id=identity)
        if row is None:
            raise problems.unknown(self.kind, identity[:80])
        return row

    async def own(self, principal: Principal, identity: str) -> Row:
        """One row to change, whose values may be set before they are stored; 404."""
        row = await self.of(principal).own(id=identity)
        if row is None:
            raise problems.unknown(self.kind, identity[:80])
        return row

    def begin(self, principal: Principal, row: Row) -> None:
        """Fill what a new row has of its maker and its time; it is wanted running."""
        now = self._means.clock.now_ms()
        row.id = self._means.clock.uuid4()
        row.workspace_id = principal.workspace_id
        row.created_at_ms = row.updated_at_ms = row.start_time_ms = now
        row.created_by_id = row.updated_by_id = principal.user_id
        row.created_by_name = row.updated_by_name = principal.user_name
        row.wanted = RUNNING

    def touched(self, principal: Principal) -> dict[str, Any]:
        """Values of a row that the caller changes now."""
        return {
            "updated_at_ms": self._means.clock.now_ms(),
            "updated_by_id": principal.user_id,
            "updated_by_name": principal.user_name,
        }

    # -- secrets -------------------------------------------------------------------------

    async def sealed(
        self, identity: str, given: dict[str, Any], validate: Validate
    ) -> dict[str, Any]:
        """Properties as they are stored; `validate` gives the names of their secrets, or 400."""
        secrets.refuse_sealed(given)
        names = await reach(validate(given))
        secrets.refuse_masks(given, names)
        return self._means.vault.sealed(given, names, self.owner(identity))

    def unmasked(
        self, row: Row, given: dict[str, Any], *, merge: bool, same_type: bool = True
    ) -> dict[str, Any]:
        """What was given, with the stored values of secrets that came back masked; `merge` puts it
        over the stored properties, one level deep. 400 for masks with another type or address."""
        secrets.refuse_sealed(given)
        names = secrets.sealed_names(row.properties)
        if not same_type:  # what is secret there may be shown here
            secrets.refuse_masks(given, names)
            return given
        stored = self.opened(row)
        kept = secrets.kept(given, stored, names)
        whole = {**stored, **kept} if merge else kept
        secrets.refuse_elsewhere(given, whole, stored, names)
        return whole

    def opened(self, row: Row) -> dict[str, Any]:
        """The properties with their secrets; SecretsError."""
        return self._means.vault.opened(row.properties, self.owner(row.id))

    async def seal_stored(self) -> None:
        """Seal what is not, or with an older key; SecretsError when a key is missing."""
        vault = self._means.vault
        for place in await self._means.directory.workspaces():
            rows = self._repository(place.id)
            for row in await rows.list("created_at_ms"):
                ids = secrets.key_ids(row.properties)
                vault.check(f"The {self.kind} {_name(row)} of workspace {place.name}", ids)
                if vault.stale(row.properties):
                    names = secrets.sealed_names(row.properties)
                    sealed = vault.sealed(self.opened(row), names, self.owner(row.id))
                    await rows.update(row.id, properties=sealed)

    # -- life ----------------------------------------------------------------------------

    async def want_running(self, principal: Principal, row: Row) -> None:
        """It runs from now on; its counters begin anew unless it ran already."""
        if row.wanted != RUNNING:
            row.wanted, row.start_time_ms = RUNNING, self._means.clock.now_ms()
            await self._means.statistics.reset(row.id)
            await self.of(principal).update(row.id, wanted=RUNNING, start_time_ms=row.start_time_ms)

    async def stop(self, principal: Principal, row: Row) -> None:
        """It runs no more, after its last batch."""
        row.wanted = STOPPED
        await self.of(principal).update(row.id, wanted=STOPPED)
        try:
            await self._means.connectors.stop(row.id)
        except EngineUnavailable:
            # A process that is away runs nothing, and a new one starts only what is wanted.
            log.info("%s %s is stopped while the connectors are away", self.kind, _name(row))
        await self._means.statistics.sample()

    async def leave(self, row: Row) -> None:
        """Its connector ends: it is being deleted."""
        await self.within(row.workspace_id).update(row.id, wanted=STOPPED)
        try:
            await self._means.connectors.delete(row.id)
        except EngineUnavailable:
            log.info("%s %s is deleted while the connectors are away", self.kind, _name(row))

    async def forget_workspace(self, workspace_id: str) -> None:
        """End what runs for a workspace that was deleted; its rows go with it."""
        for row in await self._repository(workspace_id).list("created_at_ms"):
            try:
                await self._means.connectors.delete(row.id)
            except EngineUnavailable:  # a new process starts only what can be found
                return

    async def wanted(self, workspace_id: str) -> Sequence[tuple[str, str]]:
        """(id, what messages call it) of those that should run."""
        rows = await self._repository(workspace_id).list("created_at_ms", wanted=RUNNING)
        return [(row.id, f"{self.kind} {_name(row)}") for row in rows]

    async def states(self) -> dict[str, SourceStatus] | None:
        """What the connector process says of each; None while it is away."""
        try:
            return await self._means.connectors.status()
        except EngineUnavailable:
            return None

    async def stats(
        self, principal: Principal, identity: str, range_ms: int, error_range_ms: int
    ) -> SourceStats:
        """Counters since the start and the throughput of the range; 404."""
        row = await self.get(principal, identity)
        if range_ms <= 0 or error_range_ms <= 0:
            raise problems.bad_request("A time range is more than 0.")
        return await self._means.statistics.stats(row.id, range_ms, error_range_ms)

    async def log(self, principal: Principal, identity: str, lines: int) -> list[str]:
        """What happened to it since the connector process began, oldest line first; 404."""
        row = await self.get(principal, identity)
        if lines <= 0:
            raise problems.bad_request("The number of lines is more than 0.")
        return await reach(self._means.connectors.log(row.id, min(lines, LOG_LINES_MAX)))


def _name(row: Any) -> str:
    return row.name


async def reach(answer: Awaitable[T]) -> T:
    """A connector process that is away is back-pressure to the client."""
    try:
        return await answer
    except EngineUnavailable:
        raise Overloaded(
            "The connector process is starting; try again in a moment.", 429, "orbit"
        ) from None


def check_writable(workspace: WorkspaceEngine, name: str, kind: str) -> None:
    """400 for a view, a random stream or a stream of the server. One that is not known yet is the
    engine's to refuse."""
    if is_servers(name):
        raise problems.bad_request(
            f"{name} belongs to the server, which alone writes its rows; a {kind} writes to a "
            "stream of yours."
        )
    try:
        found = workspace.definition(name).kind
    except NotFound:
        return
    if found != "stream":
        what = found.replace("_", " ")
        article = "an" if what.startswith("e") else "a"
        raise problems.bad_request(f"{name} is {article} {what}; a {kind} writes to a stream.")


async def known_stream(answer: Awaitable[None]) -> None:
    """A stream that does not exist is the request's fault here (400), not an unknown address."""
    try:
        await answer
    except NotFound as error:
        raise SqlError(error.message, error.code, error.system) from None


async def let_go(engine: Engine, owner: str) -> None:
    """An engine that is away hears of it when it is back: uses are compared then."""
    try:
        await engine.release(owner)
        if owner.startswith("source:"):
            await engine.forget_source(owner)
    except EngineUnavailable:
        log.info("the use of %s is dropped when the engine is back", owner)
