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
from controlplane.services.names import check_database
from controlplane.services.topology import Flow, TopologyService

Extra = Annotated[
    list[str] | None,
    QueryParameter(name="extraResources", description="udf adds functions and who calls them."),
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
        asked = ",".join(extra_resources or ()).split(",")
        found = await topology.graph(principal, frozenset(map(str.strip, asked)))
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
