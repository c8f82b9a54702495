"""What sources, sinks, alerts and running queries give to the topology."""

from __future__ import annotations

from controlplane.auth import Principal
from controlplane.db.tables import Queried
from controlplane.services.alerts import AlertService
from controlplane.services.deliveries import plans_of
from controlplane.services.engines import Engines
from controlplane.services.queries import QueryService
from controlplane.services.sinks import SinkService
from controlplane.services.sources import SourceService
from controlplane.services.topology import Flow, nearest
from engine.protocol import Caller, Definition


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


class SinkFlows:
    """Sinks read what their query reads; some write to a stream."""

    def __init__(self, sinks: SinkService, engines: Engines) -> None:
        self._sinks = sinks
        self._engines = engines

    async def __call__(self, principal: Principal) -> list[Flow]:
        """All sinks of the workspace."""
        nodes = await _nodes(self._engines, principal)
        return [
            Flow(
                type="sink",
                key=row.id,
                name=row.name,
                owner=Caller(row.created_by_id, row.created_by_name),
                properties={"type": row.type, "status": shown.status},
                reads=_reads(row, nodes),
                writes=self._sinks.written(row),
            )
            for row, shown in await self._sinks.list(principal)
        ]


class AlertFlows:
    """Alerts read what their queries read; some write to a stream."""

    def __init__(self, alerts: AlertService, engines: Engines) -> None:
        self._alerts = alerts
        self._engines = engines

    async def __call__(self, principal: Principal) -> list[Flow]:
        """All alerts of the workspace."""
        nodes = await _nodes(self._engines, principal)
        return [
            Flow(
                type="alert",
                key=row.id,
                name=row.name,
                owner=Caller(row.created_by_id, row.created_by_name),
                properties={
                    "action": row.action,
                    "severity": row.severity,
                    "status": shown.status,
                },
                reads=_reads(row, nodes),
                writes=self._alerts.written(row),
            )
            for row, shown in await self._alerts.states(principal)
        ]


class QueryFlows:
    """Running queries read; ended ones are no part of the graph."""

    def __init__(self, queries: QueryService, engines: Engines) -> None:
        self._queries = queries
        self._engines = engines

    async def __call__(self, principal: Principal) -> list[Flow]:
        """All running queries of the workspace."""
        nodes = await _nodes(self._engines, principal)
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


async def _nodes(engines: Engines, principal: Principal) -> dict[str, Definition]:
    """What can be read, by name."""
    workspace = await engines.of(principal.workspace)
    return {d.name: d for d in workspace.snapshot.definitions if d.kind != "function"}


def _reads(row: Queried, nodes: dict[str, Definition]) -> tuple[str, ...]:
    """What the queries of a row read first hand."""
    every = (name for plan in plans_of(row) for name in plan.reads)
    return nearest(tuple(dict.fromkeys(every)), nodes)
