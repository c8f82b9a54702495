"""What sinks and alerts have in common: queries that run in the engine, connectors that deliver.

The row in the database decides. When an engine connects, `settle` makes what it runs fit the rows;
when the connector process is new, `resume` starts there what should run. So each step of a change
leaves what the next start repairs; what a change has begun and cannot end is undone, or done then.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec

from connectors.metrics import SourceCounters
from connectors.status import SourceStatus
from controlplane.auth import Principal
from controlplane.db.repository import Repository
from controlplane.db.tables import Queried, Workspace
from controlplane.services.authored import check_text
from controlplane.services.connector_rows import (
    AWAY,
    RUNNING,
    STOPPED,
    ConnectorRows,
    Means,
    check_writable,
    known_stream,
)
from controlplane.services.engines import WorkspaceEngine
from controlplane.services.queries import in_sql
from engine.errors import EngineUnavailable, TailraceError
from engine.protocol import (
    Analysis,
    BackgroundOpened,
    BackgroundQuery,
    Caller,
    Engine,
    ResultColumn,
    ViewState,
)

log = logging.getLogger("tailrace.connectors")

SQL_CHARS_MAX: Final = 1 << 20
PROPERTY_OF_STREAM: Final = {"timeplus": "stream_name"}
# Values of a row that the connector process is not told.
UNDELIVERED: Final = frozenset(
    {"description", "plans", "updated_at_ms", "updated_by_id", "updated_by_name"}
)
NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_]")

Row = TypeVar("Row", bound=Queried)


class Plan(msgspec.Struct, frozen=True):
    """What the engine said of a query when it was checked."""

    header: tuple[ResultColumn, ...]
    analysis: Analysis
    reads: tuple[str, ...] = ()


class Shown(msgspec.Struct, frozen=True):
    """What one does: `status` is running, stopped, failed or, while nobody can say, unknown."""

    status: str
    message: str = ""


def plans_of(row: Queried) -> list[Plan]:
    """The plans of a row's queries, in their order."""
    return msgspec.convert(row.plans, list[Plan])


def stream_of(type_: str, properties: Mapping[str, Any]) -> tuple[str, ...]:
    """The stream of the workspace that a sink of a type writes to, if it does: one of another
    server (with a `url`) is none."""
    name = properties.get(PROPERTY_OF_STREAM.get(type_, ""))
    here = isinstance(name, str) and name and not properties.get("url")
    return (str(name),) if here else ()


def _plans(opened: BackgroundOpened) -> list[Plan]:
    parts = zip(opened.headers, opened.analyses, opened.reads, strict=True)
    return [Plan(*part) for part in parts]


class Deliveries(ABC, Generic[Row]):
    """Life of one kind, `sink` or `alert`. `afresh`: what is renewed forgets its saved records
    though its queries are the same, as a failed one does. Its dead letters stay."""

    afresh = False

    def __init__(
        self, kind: str, repository: Callable[[str], Repository[Row]], means: Means
    ) -> None:
        self._means = means
        self._engines = means.engines
        self._connectors = means.connectors
        self._rows: ConnectorRows[Row] = ConnectorRows(kind, repository, means)
        # Why the engine did not take the queries of a row, by id; of rows that are there.
        self._refusals: dict[str, str] = {}
        self.seal_stored = self._rows.seal_stored
        self.wanted = self._rows.wanted

    @abstractmethod
    def _queries(self, row: Row) -> tuple[str, ...]:
        """Texts of its queries."""

    @abstractmethod
    def _target(self, row: Row) -> tuple[str, str]:
        """(the type of what it delivers to, its own name)."""

    @abstractmethod
    async def _deliver(
        self, workspace: str, row: Row, begin: SourceCounters | None
    ) -> SourceStatus:
        """Start it in the connector process."""

    async def _give_up(self, engine: Engine, row: Row, plans: list[Plan]) -> None:
        """Make dead letters of what is lost when one that is stopped, and had these plans, begins
        anew. A sink has nothing that could not be queried again."""

    # -- changes -------------------------------------------------------------------------

    async def _check(self, principal: Principal, queries: Sequence[str]) -> list[dict[str, Any]]:
        """Plans of queries as they are stored; 400 unless each is one streaming SELECT."""
        for query in queries:
            check_text(query, "SQL", SQL_CHARS_MAX)
        engine = await (await self._engines.of(principal.workspace)).engine()
        opened = await in_sql(engine.check_background(tuple(queries)))
        return msgspec.to_builtins(_plans(opened))

    async def _create(self, principal: Principal, row: Row) -> None:
        """Store it and run it; nothing of it is left when that fails."""
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        async with self._rows.lock(row.id):
            async with workspace.uses_lock:
                try:
                    written = self.written(row)
                    if written:
                        await self._hold(workspace, engine, row, written)
                    await self._rows.of(principal).add(row)
                    await in_sql(self._run(engine, row, pause=False))
                except BaseException:
                    await self._undo(engine, row)
                    raise
            await self._start_connector(principal.workspace, row)

    async def _undo(self, engine: Engine, row: Row) -> None:
        await self._rows.within(row.workspace_id).delete(id=row.id)
        await self._drop(engine, row)

    async def _drop(self, engine: Engine, row: Row) -> None:
        """The engine forgets it; one that is away compares what it has when it is back."""
        self._refusals.pop(row.id, None)
        with contextlib.suppress(EngineUnavailable):
            await engine.drop_background(self._rows.owner(row.id))
            await engine.release(self._rows.owner(row.id))

    async def _replace(self, principal: Principal, row: Row, values: dict[str, Any]) -> None:
        """Put other values into a locked row. With `renew` its queries begin anew, at once if it
        runs; all else of it goes on where it is."""
        before, plans = self.written(row), plans_of(row)
        other = any(values[name] != getattr(row, name) for name in values.keys() - UNDELIVERED)
        for name, value in values.items():
            setattr(row, name, value)
        after = self.written(row)
        if before != after:  # refused before anything is stopped
            await self._hold_both(principal, row, before, after)
        restarted = (other or row.renew) and row.wanted == RUNNING
        if restarted:
            with contextlib.suppress(EngineUnavailable):  # then it does not run
                await self._connectors.stop(row.id)
            await self._means.statistics.sample()  # its counters go on
        try:
            if row.renew or before != after:
                await self._replace_in_engine(principal, row, values, before, plans)
            else:
                await self._rows.of(principal).update(row.id, **values)
        except BaseException:
            self._means.resume.again()  # what was stopped here should run as it is stored
            raise
        if restarted:
            await self._start_connector(principal.workspace, row)

    async def _hold_both(
        self, principal: Principal, row: Row, before: tuple[str, ...], after: tuple[str, ...]
    ) -> None:
        """Both targets are held until the row says which."""
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        async with workspace.uses_lock:
            held = tuple(d.name for d in workspace.snapshot.definitions if d.name in before)
            await self._hold(workspace, engine, row, (*held, *after))

    async def _replace_in_engine(
        self,
        principal: Principal,
        row: Row,
        values: dict[str, Any],
        before: tuple[str, ...],
        plans: list[Plan],
    ) -> None:
        """The row, its queries where they begin anew, and its target alone. `before` and `plans`
        are the streams and the plans that it had."""
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        after = self.written(row)
        async with workspace.uses_lock:
            if row.renew:  # refused for want of room before the row is another
                await in_sql(self._give_up(engine, row, plans))
            await self._rows.of(principal).update(row.id, **values)
            if row.renew:
                await in_sql(self._run(engine, row, pause=row.wanted != RUNNING))
            if after != before:
                await engine.hold(self._rows.owner(row.id), after)

    async def start(self, principal: Principal, identity: str) -> None:
        """Run it, from where it was stopped; fine if it runs already."""
        async with self._rows.lock(identity):
            row = await self._rows.own(principal, identity)
            workspace = await self._engines.of(principal.workspace)
            engine = await workspace.engine()
            async with workspace.uses_lock:
                await in_sql(self._run(engine, row, pause=False))
            await self._rows.want_running(principal, row)
            await self._start_connector(principal.workspace, row)

    async def stop(self, principal: Principal, identity: str) -> None:
        """Stop it after its last batch; it keeps its place. Fine if it is stopped already."""
        async with self._rows.lock(identity):
            row = await self._rows.own(principal, identity)
            await self._rows.stop(principal, row)
            engine = self._connected(principal)
            if engine is not None:  # else it is paused when it is back
                with contextlib.suppress(EngineUnavailable):
                    await engine.pause_background(self._rows.owner(row.id))

    async def delete(self, principal: Principal, identity: str) -> None:
        """Stop it and remove it with what it has not delivered."""
        async with self._rows.lock(identity):
            row = await self._rows.own(principal, identity)
            workspace = await self._engines.of(principal.workspace)
            engine = await workspace.engine()
            await self._rows.leave(row)
            async with workspace.uses_lock:
                await self._rows.of(principal).delete(id=row.id)
                await self._drop(engine, row)
            await self._means.statistics.forget(row.id)

    # -- the engine's side ---------------------------------------------------------------

    def written(self, row: Row) -> tuple[str, ...]:
        """The streams of the workspace that it writes to, if it does."""
        return stream_of(self._target(row)[0], row.properties)

    async def _hold(
        self, workspace: WorkspaceEngine, engine: Engine, row: Row, names: tuple[str, ...]
    ) -> None:
        for name in names:
            check_writable(workspace, name, self._rows.kind)
        await known_stream(engine.hold(self._rows.owner(row.id), names))

    async def _run(self, engine: Engine, row: Row, *, pause: bool) -> None:
        """The engine runs, or has and does not run, what the row says."""
        owner = self._rows.owner(row.id)
        anew = False
        if row.renew:
            there = (await engine.background_states((owner,))).get(owner)
            anew = self.afresh or (there is not None and there.status == "Error")
        name = NOT_IN_NAMES.sub("_", self._target(row)[1])
        query = BackgroundQuery(owner, self._queries(row), name, anew)
        caller = Caller(row.updated_by_id, row.updated_by_name)
        plans = _plans(await engine.start_background(query, caller))
        if pause:
            await engine.pause_background(owner)
        self._refusals.pop(row.id, None)
        # What is read may have got other columns since the queries were checked.
        if row.renew or plans != plans_of(row):
            row.renew, row.plans = False, msgspec.to_builtins(plans)
            rows = self._rows.within(row.workspace_id)
            await rows.update(row.id, renew=False, plans=row.plans)

    async def owners(self, workspace_id: str) -> dict[str, tuple[str, ...]]:
        """What the workspace's engine must know: all of them, with the streams they write to."""
        rows = await self._rows.within(workspace_id).list("created_at_ms")
        return {self._rows.owner(row.id): self.written(row) for row in rows}

    async def settle(self, workspace_id: str, engine: Engine) -> None:
        """Make what the engine runs fit the rows; the caller holds the workspace's `uses_lock`."""
        rows = await self._rows.within(workspace_id).list("created_at_ms")
        owners = {row.id: self._rows.owner(row.id) for row in rows}
        states = await engine.background_states(tuple(owners.values())) if rows else {}
        for row in rows:
            state = states.get(owners[row.id])
            running = row.wanted == RUNNING
            try:
                if state is None or row.renew or (running and state.status == "Paused"):
                    await self._run(engine, row, pause=not running)
                elif not running and state.status == "ExecutingPipeline":
                    await engine.pause_background(owners[row.id])
            except EngineUnavailable:
                raise
            except TailraceError as error:
                log.error("the queries of %s cannot run: %s", owners[row.id], error.message)
                self._refusals[row.id] = error.message

    async def forget_workspace(self, workspace_id: str) -> None:
        """End what runs for a workspace that was deleted; its rows and its engine go with it."""
        for row in await self._rows.within(workspace_id).list("created_at_ms"):
            self._refusals.pop(row.id, None)
        await self._rows.forget_workspace(workspace_id)

    def _connected(self, principal: Principal) -> Engine | None:
        workspace = self._engines.find(principal.workspace)
        return None if workspace is None else workspace.connected

    async def _engine_states(
        self, principal: Principal, rows: Sequence[Row]
    ) -> dict[str, ViewState]:
        """What the queries do, by id of the row; nothing while the engine is away."""
        engine = self._connected(principal)
        if engine is None or not rows:
            return {}
        owners = {self._rows.owner(row.id): row.id for row in rows}
        try:
            found = await engine.background_states(tuple(owners))
        except EngineUnavailable:
            return {}
        return {owners[owner]: state for owner, state in found.items()}

    async def _failed(self, principal: Principal, row: Row) -> bool:
        state = (await self._engine_states(principal, (row,))).get(row.id)
        return state is not None and state.status == "Error"

    # -- the connectors' side ------------------------------------------------------------

    async def _start_connector(self, workspace: str, row: Row) -> None:
        """While the process is away it is enough that it is wanted."""
        try:
            begin = await self._means.statistics.begin(row.id)
            await self._deliver(workspace, row, begin)
        except EngineUnavailable:
            self._means.resume.again()

    async def resume(self, workspace: Workspace, identity: str) -> None:
        """Start one if it should still run; EngineUnavailable until its queries are there."""
        place = await self._engines.of(workspace.name)
        if place.refusal:
            raise TailraceError(place.refusal, 500, "neutron")
        if place.connected is None:
            raise EngineUnavailable("The workspace's engine is starting.", 503)
        async with self._rows.lock(identity):
            # To renew: the engine did not take its queries; what it has is of another definition.
            rows = self._rows.within(workspace.id)
            row = await rows.get(id=identity, wanted=RUNNING, renew=False)
            if row is not None:
                begin = await self._means.statistics.begin(row.id)
                await self._deliver(workspace.name, row, begin)

    # -- what is shown -------------------------------------------------------------------

    async def _shown(self, principal: Principal, rows: Sequence[Row]) -> list[tuple[Row, Shown]]:
        """Rows with what each does."""
        connectors, queries = await asyncio.gather(
            self._rows.states(), self._engine_states(principal, rows)
        )
        return [(row, self._state(row, connectors, queries.get(row.id))) for row in rows]

    def _state(
        self, row: Row, connectors: dict[str, SourceStatus] | None, query: ViewState | None
    ) -> Shown:
        if row.wanted == STOPPED:
            return Shown("stopped")
        refusal = self._refusals.get(row.id, "")
        if refusal:
            return Shown("failed", refusal)
        if query is not None and query.status == "Error":
            return Shown("failed", query.message)
        if connectors is None:
            return Shown("unknown", AWAY)
        found = connectors.get(row.id)
        # One that nobody knows is about to run.
        return Shown("running") if found is None else Shown(found.status, found.message)
