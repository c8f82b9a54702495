"""Views of both kinds: definitions and control through the workspace's engine."""

from __future__ import annotations

import asyncio
from typing import Any, Final, Literal

import msgspec

from controlplane import problems
from controlplane.auth import Principal
from controlplane.services.engines import Engines, WorkspaceEngine
from controlplane.services.names import check_name
from controlplane.services.queries import in_sql
from controlplane.services.streams import HISTORY_DAYS_MAX
from controlplane.services.uses import Uses
from engine.clock import Clock
from engine.errors import NotFound
from engine.protocol import (
    Alteration,
    Definition,
    QueryRequest,
    StreamStats,
    ViewState,
)

MATERIALIZED: Final = "materialized_view"
KINDS: Final = ("view", MATERIALIZED)
# Views whose state is asked for at once by a list.
STATES_AT_ONCE: Final = 16

Action = Literal["pause", "resume", "recover"]


class NewView(msgspec.Struct, frozen=True, kw_only=True):
    """A view as the caller wants it; '' and None: as the defaults say."""

    name: str
    query: str
    description: str = ""
    materialized: bool = False
    target_stream: str = ""
    ttl_expression: str = ""
    logstore_retention_bytes: int | None = None
    logstore_retention_ms: int | None = None


class ViewChange(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be other; None leaves it as it is."""

    description: str | None = None
    query: str | None = None
    ttl_expression: str | None = None
    logstore_retention_bytes: int | None = None
    logstore_retention_ms: int | None = None


class ViewService:
    """Create, read, change, drop, measure, pause and resume views of a workspace."""

    def __init__(self, engines: Engines, uses: Uses, clock: Clock) -> None:
        self._engines = engines
        self._uses = uses
        self._clock = clock

    async def create(self, principal: Principal, new: NewView) -> Definition:
        """Create a view; listed on return, and running if it is materialized."""
        check_name(new.name, "view")
        options: dict[str, Any] = {}
        if new.target_stream:
            check_name(new.target_stream, "stream")
            # The target of a plain view is kept and shown, nothing else.
            options["into" if new.materialized else "target_stream"] = new.target_stream
        defaults = Definition(id="", name="", kind="view")
        keep, keep_ms = new.logstore_retention_bytes, new.logstore_retention_ms
        definition = Definition(
            id="",
            name=new.name,
            kind="materialized_view" if new.materialized else "view",
            query=new.query,
            description=new.description,
            ttl_expression=new.ttl_expression,
            logstore_retention_bytes=defaults.logstore_retention_bytes if keep is None else keep,
            logstore_retention_ms=defaults.logstore_retention_ms if keep_ms is None else keep_ms,
            options=options,
        )
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        created = await in_sql(engine.create(definition, principal.caller))
        await workspace.refresh()
        return created

    async def list(self, principal: Principal, kinds: tuple[str, ...] = KINDS) -> list[Definition]:
        """All views of these kinds by name, also while the engine restarts."""
        workspace = await self._snapshot(principal)
        found = [d for d in workspace.snapshot.definitions if d.kind in kinds]
        return sorted(found, key=lambda definition: definition.name)

    async def get(
        self, principal: Principal, name: str, kinds: tuple[str, ...] = KINDS
    ) -> Definition:
        """One view; 404 with code 60."""
        workspace = await self._snapshot(principal)
        try:
            definition = workspace.definition(name)
        except NotFound:
            raise _unknown(name, kinds) from None
        if definition.kind not in kinds:
            raise _unknown(name, kinds)
        return definition

    async def _snapshot(self, principal: Principal) -> WorkspaceEngine:
        workspace = await self._engines.of(principal.workspace)
        if workspace.snapshot.revision < 0:
            await workspace.engine()
        return workspace

    async def alter(self, principal: Principal, name: str, change: ViewChange) -> None:
        """Change what may be changed; 400 for another query of a materialized view."""
        view = await self.get(principal, name)
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        if view.kind == MATERIALIZED:
            if change.query is not None and _text(change.query) != _text(view.query):
                raise problems.bad_request(
                    f"The query of materialized view '{name}' cannot be changed here: create "
                    "another view, or use ALTER VIEW ... MODIFY QUERY, which keeps its rows."
                )
            altered = Alteration(
                change.description,
                change.logstore_retention_bytes,
                change.logstore_retention_ms,
                change.ttl_expression,
            )
            await engine.alter(name, altered, principal.caller)
            target = str(view.options.get("made_target", ""))
            if target:  # it was made with the view, and keeps its rows as the view says
                rows_kept = msgspec.structs.replace(altered, description=None)
                await engine.alter(target, rows_kept, principal.caller)
        else:
            changed = msgspec.structs.replace(
                view,
                query=view.query if change.query is None else change.query,
                description=_or(change.description, view.description),
                ttl_expression=_or(change.ttl_expression, view.ttl_expression),
                options={**view.options, "or_replace": True},
            )
            put = in_sql(engine.create(changed, principal.caller))
            await self._uses.named(principal, put)
        await workspace.refresh()

    async def drop(
        self, principal: Principal, name: str, *, force: bool, kinds: tuple[str, ...] = KINDS
    ) -> None:
        """Drop a view, with its rows unless they are in a target stream; 400 names what uses it
        unless `force`."""
        await self.get(principal, name, kinds)
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        await self._uses.named(principal, engine.drop(name, force=force))
        await workspace.refresh()

    async def control(self, principal: Principal, name: str, action: Action) -> None:
        """Pause, resume or recover a materialized view; done on return. 400 with the reason when
        its state does not let it."""
        await self.get(principal, name, (MATERIALIZED,))
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        # The name is that of a definition: it holds no quotes.
        sql = f"SYSTEM {action.upper()} MATERIALIZED VIEW `{name}`"
        request = QueryRequest(self._clock.uuid4(), sql, principal.caller)
        await in_sql(engine.run(request))
        await workspace.refresh()

    async def stats(
        self, principal: Principal, name: str, history_days: int | None, kinds: tuple[str, ...]
    ) -> tuple[StreamStats, ViewState | None]:
        """Values of the stream that holds its rows, and what the view does; a plain view holds
        none and does nothing. `history_days` 1 to 7 or None."""
        if history_days is not None and not 1 <= history_days <= HISTORY_DAYS_MAX:
            raise problems.bad_request("historyDays must be 1 to 7.")
        view = await self.get(principal, name, kinds)
        if view.kind != MATERIALIZED:
            return StreamStats(0, 0, 0), None
        engine = await (await self._engines.of(principal.workspace)).engine()
        stats, state = await asyncio.gather(
            engine.stats(name, history_days or 0), engine.view_state(name)
        )
        return stats, state

    async def states(self, principal: Principal, views: list[Definition]) -> dict[str, ViewState]:
        """What materialized views do, by name; nothing while the engine restarts, and nothing of
        one that was dropped meanwhile."""
        workspace = await self._engines.of(principal.workspace)
        engine = workspace.connected
        if engine is None:
            return {}
        room = asyncio.Semaphore(STATES_AT_ONCE)

        async def one(name: str) -> tuple[str, ViewState | None]:
            async with room:
                try:
                    return name, await engine.view_state(name)
                except NotFound:
                    return name, None

        found = await asyncio.gather(*(one(view.name) for view in views))
        return {name: state for name, state in found if state is not None}


def _unknown(name: str, kinds: tuple[str, ...]) -> NotFound:
    what = "View" if "view" in kinds else "Materialized view"
    return NotFound(f"{what} '{name[:120]}' does not exist.")


def _text(query: str) -> str:
    """A query as it is compared: without the ends that mean nothing."""
    return query.strip().rstrip(";").rstrip()


def _or(value: str | None, otherwise: str) -> str:
    return otherwise if value is None else value
