"""Why a query or view gives no rows: the engine's facts, and what stands before its streams."""

from __future__ import annotations

from typing import Final

import msgspec

from controlplane.auth import Principal
from controlplane.services.engines import Engines, WorkspaceEngine
from controlplane.services.queries import QueryService
from controlplane.services.sources import SourceService
from controlplane.services.views import ViewService
from engine.activity import Diagnosis, Work
from engine.errors import NotFound
from engine.protocol import Engine
from engine.reasons import RUNS, Reason, reasons

MATERIALIZED: Final = "materialized_view"
QUIET: Final = "no_new_rows"


class Diagnosed(msgspec.Struct, frozen=True):
    """The facts, and what they mean, the likeliest first."""

    facts: Diagnosis
    reasons: list[Reason]


class DiagnosisService:
    """Asks the engine, then looks for who should fill the streams that are quiet."""

    def __init__(
        self,
        engines: Engines,
        queries: QueryService,
        views: ViewService,
        sources: SourceService,
    ) -> None:
        self._engines = engines
        self._queries = queries
        self._views = views
        self._sources = sources

    async def of_query(self, principal: Principal, query_id: str) -> Diagnosed:
        """A running query of a client; of one that ended, that it did. 404."""
        record = self._queries.get(principal, query_id)
        owner = f"query:{query_id}"
        if record.status == "running":
            try:
                return await self._of(principal, owner)
            except NotFound:
                record = self._queries.get(principal, query_id)
        text = f"It runs no more: it was {record.status}, or answers from what is stored."
        facts = {"status": record.status}
        return Diagnosed(
            Diagnosis(0, 0, Work(owner, record.status)), [Reason("ended", text, facts)]
        )

    async def of_view(self, principal: Principal, name: str) -> Diagnosed:
        """A materialized view, running or not. 404."""
        await self._views.get(principal, name, (MATERIALIZED,))
        return await self._of(principal, f"{MATERIALIZED}:{name}")

    async def _of(self, principal: Principal, owner: str) -> Diagnosed:
        workspace = await self._engines.of(principal.workspace)
        engine = await workspace.engine()
        found = await engine.diagnose(owner)
        known = reasons(found)
        quiet = [str(each.facts["stream"]) for each in known if each.code == QUIET]
        causes = [] if not quiet else await self._causes(principal, workspace, engine, quiet)
        return Diagnosed(found, [*causes, *known])

    async def _causes(
        self, principal: Principal, workspace: WorkspaceEngine, engine: Engine, quiet: list[str]
    ) -> list[Reason]:
        """Sources and views that should fill these streams, and do not run."""
        found = [
            _stopped(
                f"source_{status.status}", f"The source {row.name}", row.stream, status.message
            )
            for row, status in await self._sources.list(principal)
            if row.stream in quiet and status.status != "running"
        ]
        into = {
            f"{MATERIALIZED}:{d.name}": str(d.options.get("into") or d.name)
            for d in workspace.snapshot.definitions
            if d.kind == MATERIALIZED
        }
        if not set(into.values()) & set(quiet):
            return found
        for work in (await engine.activity()).works:
            if into.get(work.owner) in quiet and work.status != RUNS:
                code = "view_paused" if work.status == "Paused" else "view_failed"
                name = work.owner.partition(":")[2]
                found.append(_stopped(code, f"The view {name}", into[work.owner], work.message))
        return found


def _stopped(code: str, who: str, stream: str, message: str) -> Reason:
    state = code.partition("_")[2]
    why = f": {message}" if message else ""
    text = f"{who}, which fills {stream}, {'is' if state != 'failed' else 'has'} {state}{why}."
    return Reason(code, text.replace("..", "."), {"stream": stream, "message": message})
