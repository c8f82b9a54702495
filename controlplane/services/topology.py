"""Topology: what exists and runs in a workspace, and how rows flow between it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from controlplane.auth import Principal
from controlplane.services.engines import Engines
from engine.protocol import Caller, Definition

# Kinds of definitions that are nodes, each with its type; the rest is no part of the flow of rows.
NODE_TYPES: Final = {
    "stream": "stream",
    "random_stream": "stream",
    "external_stream": "external_stream",
    "external_table": "external_table",
    "view": "view",
    "materialized_view": "materialized_view",
}
FUNCTION: Final = "udf"


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """One object and the streams or views, by name, that it reads and writes."""

    type: str
    key: str
    name: str
    owner: Caller = Caller()
    properties: dict[str, Any] = {}
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Its id in the graph."""
        return f"{self.type}:{self.key}"


# What a resource gives to the graph: all objects of the caller's workspace.
Flows = Callable[[Principal], Awaitable[list[Flow]]]
Edge = tuple[str, str]


class Topology(msgspec.Struct, frozen=True):
    """`edges` follow the rows, `dependencies` lead from an object to what it needs."""

    nodes: list[Flow]
    edges: list[Edge]
    dependencies: list[Edge]


class TopologyService:
    """Joins what the engine defines with what other resources give."""

    def __init__(
        self,
        engines: Engines,
        others: Iterable[Flows],
        asked: Mapping[str, Flows] | None = None,
    ) -> None:
        """`asked`: what comes only by its name among `extra`."""
        self._engines = engines
        self._others = tuple(others)
        self._asked = dict(asked or {})

    async def graph(self, principal: Principal, extra: frozenset[str]) -> Topology:
        """The graph as of now; `extra` "udf" adds functions and who calls them, and the names of
        what is asked for by name."""
        workspace = await self._engines.of(principal.workspace)
        if workspace.snapshot.revision < 0:
            await workspace.engine()
        definitions = workspace.snapshot.definitions
        flows = _defined(definitions)
        named = {flow.name: flow.id for flow in flows}
        functions: dict[str, str] = {}
        if FUNCTION in extra:
            called = [_function(d) for d in definitions if d.kind == "function"]
            functions = {flow.name: flow.id for flow in called}
            flows += called
        asked = (flows for name, flows in self._asked.items() if name in extra)
        for other in (*self._others, *asked):
            flows += await other(principal)
        flows.sort(key=lambda flow: (flow.type, flow.name, flow.key))
        return _joined(flows, named, functions)


def _joined(flows: list[Flow], named: dict[str, str], functions: dict[str, str]) -> Topology:
    edges: list[Edge] = []
    dependencies: list[Edge] = []
    for flow in flows:
        # What was dropped by force has no node.
        reads = [named[name] for name in flow.reads if name in named]
        writes = [named[name] for name in flow.writes if name in named]
        calls = [functions[name] for name in flow.functions if name in functions]
        edges += [(read, flow.id) for read in reads]
        edges += [(flow.id, written) for written in writes]
        dependencies += [(flow.id, needed) for needed in (*reads, *writes, *calls)]
    return Topology(flows, edges, dependencies)


def _defined(definitions: tuple[Definition, ...]) -> list[Flow]:
    nodes = {d.name: d for d in definitions if d.kind in NODE_TYPES}
    letters = {
        str(owner): d.name
        for d in nodes.values()
        if (owner := d.options.get("dead_letters_of")) is not None
    }
    return [_flow(d, nodes, letters) for d in nodes.values()]


def _flow(definition: Definition, nodes: dict[str, Definition], letters: dict[str, str]) -> Flow:
    options = definition.options
    reads = tuple(map(str, options.get("reads", ())))
    writes = (str(options.get("into", "")), letters.get(definition.id, ""))
    properties: dict[str, Any] = {"kind": definition.kind}
    if definition.query:
        properties["query"] = definition.query
    else:
        properties["mode"] = definition.mode
    return Flow(
        type=NODE_TYPES[definition.kind],
        key=definition.name,
        name=definition.name,
        owner=definition.created_by,
        properties=properties,
        reads=nearest(reads, nodes),
        writes=tuple(filter(None, writes)),
        functions=tuple(map(str, options.get("functions", ()))),
    )


def nearest(reads: tuple[str, ...], nodes: dict[str, Definition]) -> tuple[str, ...]:
    """What is read first hand: the engine names what a view reads beside the view itself."""
    behind: set[str] = set()
    for name in reads:
        view = nodes.get(name)
        if view is not None and view.kind == "view":
            behind.update(map(str, view.options.get("reads", ())))
    return tuple(name for name in dict.fromkeys(reads) if name not in behind)


def _function(definition: Definition) -> Flow:
    return Flow(
        type=FUNCTION,
        key=definition.name,
        name=definition.name,
        owner=definition.created_by,
        properties={"kind": definition.kind},
        functions=tuple(map(str, definition.options.get("functions", ()))),
    )
