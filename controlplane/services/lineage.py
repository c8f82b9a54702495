"""The topology with its rates: what flows through each node and on each edge, as last measured."""

from __future__ import annotations

import msgspec

from controlplane.auth import Principal
from controlplane.services.engines import Engines
from controlplane.services.rates import NodeRates, Rates
from controlplane.services.topology import Flow, TopologyService


class RatedNode(msgspec.Struct, frozen=True):
    """A node and its rates; `status` '' of what does not run."""

    flow: Flow
    rates: NodeRates
    status: str
    last_error: str


class RatedEdge(msgspec.Struct, frozen=True):
    """Rows per second on an edge, None where nobody counts them; `pressure` 0 to 1."""

    source: str
    target: str
    rows: float | None
    pressure: float


class Lineage(msgspec.Struct, frozen=True):
    """All nodes and edges."""

    nodes: list[RatedNode]
    edges: list[RatedEdge]


class LineageService:
    """Joins the graph with the rates."""

    def __init__(self, engines: Engines, topology: TopologyService, rates: Rates) -> None:
        self._engines = engines
        self._topology = topology
        self._rates = rates

    async def rated(self, principal: Principal, extra: frozenset[str]) -> Lineage:
        """The graph as of now, with the rates of the last minute."""
        graph = await self._topology.graph(principal, extra)
        workspace = await self._engines.of(principal.workspace)
        nodes = {flow.id: _node(flow, self._rates.of(workspace, flow.id)) for flow in graph.nodes}
        edges = [_edge(nodes[a], nodes[b]) for a, b in graph.edges]
        return Lineage(list(nodes.values()), edges)


def _node(flow: Flow, rates: NodeRates) -> RatedNode:
    work = rates.work
    status = str(flow.properties.get("status", ""))
    error = rates.last_error
    if work is not None:
        status = status or work.status
        failed = work.status == "Error"
        error = error or (work.message if failed else "")
    return RatedNode(flow, rates, status, error)


def _edge(source: RatedNode, target: RatedNode) -> RatedEdge:
    rows: float | None = None
    if source.flow.name in target.rates.inputs:
        rows = target.rates.inputs[source.flow.name]
    elif source.flow.type in ("source", "sink", "alert", "materialized_view"):
        rows = source.rates.rows_out
    elif source.flow.type == "view" and target.rates.work is not None:
        rows = target.rates.rows_in
    return RatedEdge(source.flow.id, target.flow.id, rows, target.rates.pressure)
