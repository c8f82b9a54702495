"""What sources and running queries give to the topology."""

from __future__ import annotations

from controlplane.auth import Principal
from controlplane.services.engines import Engines
from controlplane.services.queries import QueryService
from controlplane.services.sources import SourceService
from controlplane.services.topology import Flow, nearest
from engine.protocol import Caller


class SourceFlows:
    """Sources write to their streams."""

    def __init__(self, sources: SourceService) -> None:
        self._sources = sources

    async def __call__(self, principal: Principal) -> list[Flow]:
        """All sources of the workspace."""
        return [
            Flow(
                type="source",
                key=row.id,
                name=row.name,
                owner=Caller(row.created_by_id, row.created_by_name),
                properties={"type": row.type, "status": status.status},
                writes=(row.stream,),
            )
            for row, status in await self._sources.list(principal)
        ]


class QueryFlows:
    """Running queries read; ended ones are no part of the graph."""

    def __init__(self, queries: QueryService, engines: Engines) -> None:
        self._queries = queries
        self._engines = engines

    async def __call__(self, principal: Principal) -> list[Flow]:
        """All running queries of the workspace."""
        workspace = await self._engines.of(principal.workspace)
        nodes = {d.name: d for d in workspace.snapshot.definitions if d.kind != "function"}
        return [
            Flow(
                type="query",
                key=record.id,
                name=record.name or record.id,
                owner=record.caller,
                properties={"sql": record.sql, "status": record.status},
                reads=nearest(record.opened.reads if record.opened else (), nodes),
            )
            for record in self._queries.list(principal)
            if record.status == "running"
        ]
