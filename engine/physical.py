"""From a logical plan to a graph of operators; stateless chains over scans can be shared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from engine.errors import Code, SqlError
from engine.graph import Graph, Leaf, Node
from engine.makers import MAKERS
from engine.operators.operator import Context, Operator
from engine.operators.project import Layer, Project
from engine.sql import logical
from engine.sql.repeats import repeated, units
from engine.types import arrow_field


@dataclass(frozen=True, slots=True)
class Chain:
    """Filters and projections over a scan, the lowest first; equal ones are run once.

    `filtered` is the single Project of the chain when its filter has parameters.
    """

    scan: logical.Scan | logical.RandomScan | logical.BoundedScan
    layers: tuple[Layer, ...]
    borders: bool
    filtered: logical.Project | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """A graph, and for each of its leaves the chain that feeds it."""

    graph: Graph
    chains: tuple[Chain, ...]


SchemaOf = Callable[[Chain], pa.Schema]


def stored_schema(schema: logical.Schema) -> pa.Schema:
    """Arrow columns of a scan."""
    return pa.schema([arrow_field(c.name, c.type) for c in schema])


def build(
    plan: logical.StreamingQuery,
    context: Context,
    schema_of: SchemaOf,
    timer: Callable[[], float],
    *,
    borders: bool = False,
) -> Built:
    """Make the operators of a plan. `borders`: the emissions of the result are kept apart.

    `schema_of` prepares a leaf's chain and says what it gives. Raises what DuckDB refuses
    (`duck.Error`) and SqlError; what was made before is closed then.
    """
    builder = _Builder(context, schema_of, plan.root)
    try:
        builder.add(plan.root, None, borders=borders)
    except BaseException:
        for node in builder.made:
            node.operator.close()
        raise
    return builder.finish(timer)


class _Place:
    """Where a node's output goes: its parent's number is known only when the parent is made."""

    __slots__ = ("number", "port")

    def __init__(self, port: int) -> None:
        self.number = -1
        self.port = port


class _Builder:
    """Children are made first, since an operator needs the schema of its input.

    A repeated aggregate is made at its first place and gives its rows to all of them.
    """

    def __init__(self, context: Context, schema_of: SchemaOf, root: logical.Node) -> None:
        self._context = context
        self._root = root
        self._repeated = repeated(root)
        self._shared: dict[logical.Node, tuple[int, list[_Place | None]]] = {}
        self._schema_of = schema_of
        self.made: list[Node] = []
        self._places: list[_Place | None] = []
        self._leaves: list[tuple[Leaf, _Place | None]] = []
        self._chains: list[Chain] = []

    def add(self, node: logical.Node, place: _Place | None, *, borders: bool) -> pa.Schema:
        """Make what gives the rows of a node to a place; `borders`: someone above asks for them."""
        if self._repeated and isinstance(node, logical.Aggregate) and node in self._shared:
            number, everywhere = self._shared[node]
            everywhere.append(place)
            return self.made[number].operator.schema
        chain = _chain(node, borders=borders)
        if chain is not None:
            schema = self._schema_of(chain)
            name = getattr(chain.scan, "stream_name", "values")
            self._leaves.append((Leaf(chain.scan, None, f"Read {name}"), place))
            self._chains.append(chain)
            return schema
        inputs = _inputs(node)
        places = [_Place(port) for port in range(len(inputs))]
        below = _asks(node, borders=borders)
        schemas = [
            self.add(each, to, borders=below) for each, to in zip(inputs, places, strict=True)
        ]
        operator = self._operator(node, schemas, borders=borders)
        for to in places:
            to.number = len(self.made)
        self.made.append(Node(operator, None, len(inputs)))
        self._places.append(place)
        if self._repeated and isinstance(node, logical.Aggregate) and node in self._repeated:
            self._shared[node] = (len(self.made) - 1, [place])
        return operator.schema

    def _operator(self, node: logical.Node, sources: list[pa.Schema], *, borders: bool) -> Operator:
        if isinstance(node, logical.Project):
            return Project(self._context, sources[0], _layers(node), borders=borders)
        maker = MAKERS.get(type(node))
        if maker is None:
            raise SqlError(f"{type(node).__name__} cannot be run.", Code.NOT_IMPLEMENTED)
        return maker(self._context, node, sources)

    def finish(self, timer: Callable[[], float]) -> Built:
        """Fill in the places."""
        for node, place in zip(self.made, self._places, strict=True):
            node.parent = None if place is None else (place.number, place.port)
        entering = units(self._root) if self._shared else []
        for shared, (number, everywhere) in self._shared.items():
            order = [unit.occurrence for unit in entering if unit.shared == shared]
            places = [p for at in order if (p := everywhere[at]) is not None]
            first, *more = [(place.number, place.port) for place in places]
            self.made[number].parent, self.made[number].more = first, tuple(more)
        leaves: list[Leaf] = []
        for leaf, place in self._leaves:
            leaf.parent = None if place is None else (place.number, place.port)
            leaves.append(leaf)
        return Built(Graph(self.made, leaves, timer), tuple(self._chains))


def _inputs(node: logical.Node) -> tuple[logical.Node, ...]:
    """The inputs; a run of Projects is one operator, a window belongs to its aggregate."""
    inputs = logical.inputs_of(node)
    if isinstance(node, logical.Project):
        below = node.input
        while isinstance(below, logical.Project):
            below = below.input
        return (below,)
    if isinstance(node, logical.Aggregate) and node.window is not None:
        below = node.input
        return (below.input,) if isinstance(below, logical.Window) else inputs
    return inputs


def _layers(node: logical.Project) -> tuple[Layer, ...]:
    layers: list[Layer] = []
    here: logical.Node = node
    while isinstance(here, logical.Project):
        layers.append(Layer(here.columns, here.where))
        here = here.input
    return tuple(reversed(layers))


def _chain(node: logical.Node, *, borders: bool) -> Chain | None:
    """The chain that a node is, if there is nothing but Projects above a scan."""
    here = node
    while isinstance(here, logical.Project):
        here = here.input
    if not isinstance(here, logical.Scan | logical.RandomScan | logical.BoundedScan):
        return None
    if not isinstance(node, logical.Project):
        return Chain(here, (), borders)
    single = node if node.input is here and node.parameters else None
    return Chain(here, _layers(node), borders, single)


def _asks(node: logical.Node, *, borders: bool) -> bool:
    """Whether a node wants the borders of its input's appends kept."""
    match node:
        case logical.Aggregate():
            return node.window is not None or node.emit.when in ("append", "close")
        case logical.Sort() | logical.Dedup() | logical.Join() | logical.Watched():
            return True
        case logical.Enrich():
            return True
        case logical.Rowify() | logical.Collect():
            return False
        case logical.LimitBy():
            return borders or not node.per_query
        case logical.Distinct():  # of a changelog it sends what each append changes
            return borders or logical.is_weighted(node)
        case _:
            return borders
