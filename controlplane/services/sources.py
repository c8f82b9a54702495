"""Sources: definitions in the database, the work in the connector process.

Each step of a change leaves a state that the next start repairs: a use without a row is dropped, a
row without a use gets it again, what should run is started. Streams are never touched by that.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from connectors.check_contract import Suggested
from connectors.contract import CheckStep, SourceDefinition
from connectors.replay_contract import Replayed
from connectors.status import SourceStatus
from controlplane import problems
from controlplane.auth import Principal
from controlplane.db.tables import Source, Workspace
from controlplane.services import trials
from controlplane.services.connector_rows import (
    AWAY,
    RUNNING,
    STOPPED,
    ConnectorRows,
    Means,
    check_writable,
    known_stream,
    let_go,
    reach,
)
from controlplane.services.names import check_name
from controlplane.services.replays import LettersAsked, letters_of, replayed
from controlplane.services.trials import Trial, Wanted
from engine.errors import EngineUnavailable

PREVIEW_SIZE_MAX: Final = 1_000
PREVIEW_MS_MAX: Final = 120_000
PREVIEW_MS_DEFAULT: Final = 30_000


class NewSource(msgspec.Struct, frozen=True):
    """A source as the caller wants it; None keeps a stored value."""

    name: str | None = None
    type: str | None = None
    stream: str | None = None
    description: str | None = None
    properties: dict[str, Any] | None = None


class SourceService:
    """Create, change, start and stop sources; the connector process does what is wanted."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._engines = means.engines
        self._connectors = means.connectors
        self._rows: ConnectorRows[Source] = ConnectorRows("source", means.directory.sources, means)
        self.seal_stored = self._rows.seal_stored
        self.wanted = self._rows.wanted
        self.forget_workspace = self._rows.forget_workspace
        self.stats = self._rows.stats
        self.log = self._rows.log

    async def owners(self, workspace_id: str) -> dict[str, tuple[str, ...]]:
        """Uses that the workspace's engine must know: what each source writes to."""
        rows = await self._rows.within(workspace_id).list("name")
        return {self._rows.owner(row.id): (row.stream,) for row in rows}

    async def list(self, principal: Principal) -> list[tuple[Source, SourceStatus]]:
        """All sources by name with what they do."""
        rows = await self._rows.of(principal).list("name")
        states = await self._rows.states()
        return [(row, _state(row, states)) for row in rows]

    async def letters(self, principal: Principal) -> dict[str, str]:
        """The names of the dead-letter streams by source, of those that have one."""
        return letters_of(await self._engines.of(principal.workspace), self._rows.owner(""))

    async def get(self, principal: Principal, source_id: str) -> tuple[Source, SourceStatus]:
        """One source; 404."""
        row = await self._rows.get(principal, source_id)
        return row, _state(row, await self._rows.states())

    async def create(self, principal: Principal, new: NewSource) -> tuple[Source, SourceStatus]:
        """Store and start a source; its stream must exist (400 code 60)."""
        row = Source(
            name=new.name or "",
            description=new.description or "",
            type=new.type or "",
            stream=new.stream or "",
        )
        self._rows.begin(principal, row)
        check_name(row.name, "source")
        row.properties = await self._sealed(row, new.properties or {})
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        check_writable(workspace, row.stream, "source")
        owner = self._rows.owner(row.id)
        async with self._rows.lock(row.id):
            async with workspace.uses_lock:
                await known_stream(engine.hold(owner, (row.stream,)))
                try:
                    await self._rows.of(principal).add(row)
                except BaseException:
                    if await self._rows.of(principal).get(id=row.id) is None:
                        await let_go(engine, owner)
                    raise
            return row, await self._start(principal.workspace, row)

    async def _sealed(self, row: Source, given: dict[str, Any]) -> dict[str, Any]:
        """Properties as they are stored; 400 for those that do not fit the type."""

        async def validate(given: dict[str, Any]) -> frozenset[str]:
            return await self._connectors.validate(row.type, given)

        return await self._rows.sealed(row.id, given, validate)

    async def update(
        self, principal: Principal, source_id: str, change: NewSource, *, merge: bool
    ) -> tuple[Source, SourceStatus]:
        """Change a stopped source (else 400); `merge` mixes properties one level deep."""
        async with self._rows.lock(source_id):
            row = await self._rows.own(principal, source_id)
            if row.wanted == RUNNING:
                raise problems.bad_request("The source runs; stop it before it is changed.")
            values: dict[str, Any] = {
                "name": change.name or row.name,
                "stream": change.stream or row.stream,
                "description": change.description or row.description,
                **self._rows.touched(principal),
            }
            check_name(values["name"], "source")
            if change.properties is not None:
                given = self._rows.unmasked(row, change.properties, merge=merge)
                values["properties"] = await self._sealed(row, given)
            if values["stream"] == row.stream:
                await self._rows.of(principal).update(row.id, **values)
            else:
                await self._move(principal, row, values)
        return await self.get(principal, source_id)

    async def _move(self, principal: Principal, row: Source, values: dict[str, Any]) -> None:
        """Write to another stream from now on. Both are held until the row says which."""
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        check_writable(workspace, values["stream"], "source")
        owner = self._rows.owner(row.id)
        async with workspace.uses_lock:
            held = [d.name for d in workspace.snapshot.definitions if d.name == row.stream]
            await known_stream(engine.hold(owner, (*held, values["stream"])))
            await self._rows.of(principal).update(row.id, **values)
            await engine.hold(owner, (values["stream"],))

    async def start(self, principal: Principal, source_id: str) -> None:
        """Run it; fine if it runs already."""
        async with self._rows.lock(source_id):
            row = await self._rows.own(principal, source_id)
            await self._rows.want_running(principal, row)
            await self._start(principal.workspace, row)

    async def stop(self, principal: Principal, source_id: str) -> None:
        """Stop it after its last batch; fine if it is stopped already."""
        async with self._rows.lock(source_id):
            row = await self._rows.own(principal, source_id)
            await self._rows.stop(principal, row)

    async def delete(self, principal: Principal, source_id: str) -> None:
        """Stop it and remove it; its stream stays."""
        async with self._rows.lock(source_id):
            row = await self._rows.own(principal, source_id)
            workspace = await self._engines.of(principal.workspace)
            engine = await workspace.engine()
            await self._rows.leave(row)
            async with workspace.uses_lock:
                await self._rows.of(principal).delete(id=row.id)
                await let_go(engine, self._rows.owner(row.id))
            await self._means.statistics.forget(row.id)

    async def replay(self, principal: Principal, source_id: str, asked: LettersAsked) -> Replayed:
        """Store dead letters of one, running or not; 404."""
        row = await self._rows.get(principal, source_id)
        wanted = asked.wanted(principal)
        # Not the lock of its changes: a stop or deletion does not wait for a replay.
        async with self._rows.lock(f"{row.id}/replay"):
            definition = self._definition(principal.workspace, row)
            return await replayed(lambda: self._connectors.replay_source(definition, wanted))

    async def topics(self, properties: dict[str, Any]) -> list[str]:
        """Topic names of a Kafka cluster."""
        return await reach(self._connectors.topics(properties))

    async def preview(
        self,
        type_: str,
        properties: dict[str, Any],
        size: int,
        timeout_ms: int,
        workspace: str = "",
    ) -> list[dict[str, Any]]:
        """Events of a source that is not created."""
        size = min(max(size, 1), PREVIEW_SIZE_MAX)
        timeout_ms = min(max(timeout_ms, 1), PREVIEW_MS_MAX)
        return await reach(self._connectors.preview(type_, properties, size, timeout_ms, workspace))

    async def check(self, principal: Principal, trial: Trial) -> list[CheckStep]:
        """Test a connection step by step."""
        whole = await trials.completed(self._rows, principal, trial)
        return await trials.check(self._connectors, "source", principal.workspace, whole)

    async def suggest(self, principal: Principal, trial: Trial, wanted: Wanted) -> Suggested:
        """Values for a property."""
        whole = await trials.completed(self._rows, principal, trial)
        return await trials.suggest(self._connectors, "source", principal.workspace, whole, wanted)

    async def _start(self, workspace: str, row: Source) -> SourceStatus:
        try:
            return await self._run(workspace, row)
        except EngineUnavailable:
            self._means.resume.again()
            return SourceStatus(row.id, "running", "", row.start_time_ms)

    async def _run(self, workspace: str, row: Source) -> SourceStatus:
        begin = await self._means.statistics.begin(row.id)
        return await self._connectors.start(self._definition(workspace, row), begin)

    def _definition(self, workspace: str, row: Source) -> SourceDefinition:
        properties = self._rows.opened(row)
        return SourceDefinition(row.id, workspace, row.name, row.type, row.stream, properties)

    async def resume(self, workspace: Workspace, identity: str) -> None:
        """Start one if it should still run; EngineUnavailable while the connectors are away."""
        await self._engines.of(workspace.name)
        async with self._rows.lock(identity):
            row = await self._rows.within(workspace.id).get(id=identity, wanted=RUNNING)
            if row is not None:
                await self._run(workspace.name, row)


def _state(row: Source, states: dict[str, SourceStatus] | None) -> SourceStatus:
    """What a source does; a wanted one that nobody knows is about to run."""
    if row.wanted == STOPPED:
        return SourceStatus(row.id, "stopped", "", row.start_time_ms)
    if states is None:
        return SourceStatus(row.id, "failed", AWAY, row.start_time_ms)
    return states.get(row.id, SourceStatus(row.id, "running", "", row.start_time_ms))
