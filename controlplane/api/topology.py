"""v1beta2 topology: struct and controller."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency as Given
from litestar.params import QueryParameter

from controlplane.api.common import Owner, owner
from controlplane.api.streams import Database
from controlplane.auth import Principal
from controlplane.services.lineage import LineageService, RatedNode
from controlplane.services.names import check_database
from controlplane.services.rates import SAMPLE_SECONDS
from controlplane.services.topology import Flow, TopologyService

Extra = Annotated[
    list[str] | None,
    QueryParameter(
        name="extraResources",
        description="udf adds functions and who calls them, dashboard and savedquery those.",
    ),
]
History = Annotated[
    bool,
    QueryParameter(name="history", description="true adds the rates of the last ten minutes."),
]


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One object; its id is unique over all types."""

    db: str
    id: str
    name: str
    ownership: Owner
    properties: dict[str, Any]
    type: str


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """From one node to another, by id."""

    source: str
    target: str


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """Edges follow the rows; of a dependency the source needs the target."""

    dependencies: list[Edge]
    edges: list[Edge]
    nodes: list[Node]


class NodeHistory(msgspec.Struct, frozen=True, kw_only=True):
    """Of at most ten minutes."""

    rows_in: list[float]
    rows_out: list[float]


class NodeRate(msgspec.Struct, frozen=True, kw_only=True):
    """A node in the last minute: rows per second in and out, the appends that it has not read and
    how old the newest is that it has (0 = it keeps up). `pressure`: the share of the minute in
    which it waited for its reader. `history`: rows per second, oldest first, one each interval."""

    behind: int
    history: NodeHistory | None
    id: str
    lag_ms: int
    last_error: str
    last_error_ms: int
    name: str
    pressure: float
    rows_in: float
    rows_out: float
    status: str
    type: str


class EdgeRate(msgspec.Struct, frozen=True, kw_only=True):
    """Rows per second on an edge, null where nobody counts them; `pressure` is the target's."""

    pressure: float
    rows: float | None
    source: str
    target: str


class GraphRates(msgspec.Struct, frozen=True, kw_only=True):
    """All nodes and edges of the topology with their rates."""

    edges: list[EdgeRate]
    interval_ms: int
    nodes: list[NodeRate]


class TopologyRatesController(Controller):
    """What flows through the topology."""

    path = "/topology/rates"
    tags = ["Extensions"]  # noqa: RUF012  the framework's way

    @get(operation_id="getTopologyRates", summary="Get the rates of the topology")
    async def get_rates(
        self,
        lineage: Given[LineageService],
        principal: Given[Principal],
        extra_resources: Extra = None,
        history: History = False,
    ) -> GraphRates:
        """Rates of the last minute from counters that the server keeps anyhow; no query is run."""
        found = await lineage.rated(principal, _extra(extra_resources))
        return GraphRates(
            edges=[
                EdgeRate(pressure=e.pressure, rows=e.rows, source=e.source, target=e.target)
                for e in found.edges
            ],
            interval_ms=int(SAMPLE_SECONDS * 1000),
            nodes=[_rate(node, history=history) for node in found.nodes],
        )


def _rate(node: RatedNode, *, history: bool) -> NodeRate:
    rates = node.rates
    kept = NodeHistory(rows_in=rates.history_in, rows_out=rates.history_out) if history else None
    inputs = rates.work.inputs if rates.work is not None else ()
    return NodeRate(
        behind=sum(one.behind for one in inputs),
        history=kept,
        id=node.flow.id,
        lag_ms=rates.lag_ms,
        last_error=node.last_error,
        last_error_ms=rates.last_error_ms,
        name=node.flow.name,
        pressure=rates.pressure,
        rows_in=rates.rows_in,
        rows_out=rates.rows_out,
        status=node.status,
        type=node.flow.type,
    )


def _extra(given: list[str] | None) -> frozenset[str]:
    return frozenset(map(str.strip, ",".join(given or ()).split(",")))


class TopologyController(Controller):
    """What exists and runs, and how rows flow between it."""

    path = "/topology"
    tags = ["Topology"]  # noqa: RUF012  the framework's way

    @get(operation_id="getTopology", summary="Get the topology graph")
    async def get_topology(
        self,
        topology: Given[TopologyService],
        principal: Given[Principal],
        extra_resources: Extra = None,
        db: Database = None,
    ) -> Graph:
        """Nodes and edges of streams, views, sources, sinks, alerts and running queries."""
        check_database(db)
        found = await topology.graph(principal, _extra(extra_resources))
        return Graph(
            dependencies=[Edge(source=a, target=b) for a, b in found.dependencies],
            edges=[Edge(source=a, target=b) for a, b in found.edges],
            nodes=[_node(flow) for flow in found.nodes],
        )


def _node(flow: Flow) -> Node:
    return Node(
        db="default",
        id=flow.id,
        name=flow.name,
        ownership=owner(flow.owner),
        properties=flow.properties,
        type=flow.type,
    )
