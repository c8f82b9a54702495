"""The logical plan: what the binder makes of a statement and the planner turns into operators.

Expressions are DuckDB SQL fragments over the quoted column names of the input node, made only by
the binder (every literal escaped, every identifier quoted, every function from the tables), with
dialect types beside them. A plan is immutable and has no position, no clock and no I/O.

Tokens in fragments, put in by whoever runs them and only by `str.replace` (fragments hold braces of
their own): `{now_ms}` is a BIGINT expression of the step's instant in milliseconds, always used as
`make_timestamp_ms({now_ms})`; a number, a parameter or a column of the input will do. `{seed}` is
an integer expression, fixed for a query: random functions hash it with `__row`, a number of the row
that is unique in the step (in bounded SQL the statement numbers the rows itself). Text literals of
users never spell a token: the binder takes such literals apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from engine.sql.plan_parts import (
    AsofRule,
    Column,
    EmitSpec,
    Keyed,
    LagRule,
    Named,
    Parameter,
    Partial,
    Past,
    RangeRule,
    Running,
    Schema,
    Seek,
    Side,
    WindowSpec,
)
from engine.table_calls import Predicate
from engine.types import DataType

if TYPE_CHECKING:
    from engine.udf.definition import Function


# What queries of one graph read in turn: a row, an append in slices, one whole however large, or
# slices of several.
Reads = Literal["row", "append", "whole", "slice"]


@dataclass(frozen=True, slots=True)
class Scan:
    """An unbounded read of a stream. `schema`: the needed columns, reserved ones included.

    `keyed`: what lay in the stream when the query was accepted comes first, one row per key
    (deleted keys do not come), as the past of the scan; `schema` then holds keys and version. The
    stored `_tp_delta` of a changelog stream is among the columns and is the weight.
    """

    schema: Schema
    stream_id: str
    stream_name: str
    seek: Seek = field(default_factory=Seek)
    past: Past = field(default_factory=Past)
    keyed: Keyed | None = None


@dataclass(frozen=True, slots=True)
class RandomScan:
    """Generated rows: `columns` are SQL over `__ordinal` (uint64), `eps` rows a second."""

    schema: Schema
    stream_id: str
    stream_name: str
    columns: tuple[Named, ...]
    eps: float
    interval_ms: int = 100
    max_events: int = 0


@dataclass(frozen=True, slots=True)
class BoundedScan:
    """Rows of a bounded query, computed once at start by a query worker; then the input ends."""

    schema: Schema
    query: BoundedQuery


@dataclass(frozen=True, slots=True)
class Project:
    """Filter, then project; both stateless. `where` may be empty; `columns` may hold unnest().

    `where_shape` is `where` with each of `parameters` replaced by its token (`{param_0}`, ...);
    filters over one scan that differ in constants alone have equal shapes (see `share`). Empty
    when there is nothing to parametrise.
    """

    input: Node
    columns: tuple[Named, ...]
    where: str = ""
    where_shape: str = ""
    parameters: tuple[Parameter, ...] = ()

    @property
    def schema(self) -> Schema:
        """Its output columns."""
        return tuple(Column(c.name, c.type) for c in self.columns)


@dataclass(frozen=True, slots=True)
class Window:
    """Assign windows; the watermark node of this FROM item sits here.

    Schema: the input's columns, then window_start, window_end. When `aggregated` is False every
    row just gets its window (a row of a hop one row per window) and nothing is late.
    """

    input: Node
    spec: WindowSpec
    schema: Schema
    aggregated: bool = True


@dataclass(frozen=True, slots=True)
class Watched:
    """Where the watermark of a window over a join is taken: at the source, before the join.

    The rows go on as they are; with them go the newest times of each append (`Batch.newest`).
    """

    input: Node
    time_column: str
    time_type: DataType

    @property
    def schema(self) -> Schema:
        """As its input."""
        return self.input.schema


@dataclass(frozen=True, slots=True)
class Upsert:
    """Rows that replace each other by key, as weighted deltas: -1 the row before, +1 the new one.

    Schema: the input's columns, `_tp_delta` last (or in its place if the input has it). `version`:
    a row whose version is smaller than the current one's is dropped if `drop_late`, else it still
    replaces nothing.
    """

    input: Node
    keys: tuple[str, ...]
    schema: Schema
    version: str = ""
    drop_late: bool = False


@dataclass(frozen=True, slots=True)
class Merge:
    """Rows of a coalesced stream made whole: a NULL in `columns` becomes the last value that is not
    NULL of the rows with the same keys, if there is one."""

    input: Node
    keys: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def schema(self) -> Schema:
        """As its input."""
        return self.input.schema


@dataclass(frozen=True, slots=True)
class Join:
    """Two inputs; port 0 is the left one.

    `strictness` and the sides say which operator runs (section 9 of the dialect). Schema: the left
    columns, then the right ones without their `_tp_delta`, then `_tp_delta` if the result is a
    changelog. A left row without a match has NULLs on the right; the fields above put in defaults.
    `table_right`: the right side is bounded, read once when the query starts.
    """

    left: Node
    right: Node
    kind: Literal["inner", "left"]
    strictness: Literal["all", "asof", "latest"]
    sides: tuple[Side, Side]
    schema: Schema
    bidirectional: bool = True  # False: only left rows give output (enrichment)
    asof: AsofRule | None = None
    range: RangeRule | None = None
    lag: LagRule | None = None
    table_right: bool = False
    buffered_bytes_max: int = 0  # 0 = the query's own bound


@dataclass(frozen=True, slots=True)
class Dedup:
    """The first row of each key passes. `ttl_ms` 0 = keys are kept; `limit`: so many are, the
    oldest go first. The key columns are in the input's schema."""

    input: Node
    keys: tuple[str, ...]
    ttl_ms: int = 0
    limit: int = 10_000

    @property
    def schema(self) -> Schema:
        """As its input."""
        return self.input.schema


@dataclass(frozen=True, slots=True)
class Rowify:
    """Every row of the input as an append of its own."""

    input: Node

    @property
    def schema(self) -> Schema:
        """As its input."""
        return self.input.schema


@dataclass(frozen=True, slots=True)
class Stateful:
    """Adds columns of running functions, per substream (`partition`: columns of the input)."""

    input: Node
    functions: tuple[Running, ...]
    partition: tuple[str, ...] = ()

    @property
    def schema(self) -> Schema:
        """The input's columns, then those of the functions."""
        return (*self.input.schema, *(f.output for f in self.functions))


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Group and aggregate under an emit policy.

    Output: `keys`, then `partials` merged, then window_start and window_end if `window`, then the
    emit version if asked for. Finals, HAVING and the select list are a Project above it.
    With emit.how "changelog" the last column is `_tp_delta`: a group's row as it was sent last with
    -1, then the new one with +1. `alive`: over a changelog the partial that counts rows: a group
    of which it falls to 0 is gone. `partition`: names of the keys that form the substream
    (PARTITION BY), each with a watermark of its own; its groups are never gone. `where` is applied
    after the watermark saw the row. `mergeable`: panes may be merged into windows; else every row
    goes to each of its windows.
    """

    input: Node
    keys: tuple[Named, ...]
    partials: tuple[Partial, ...]
    emit: EmitSpec
    schema: Schema
    window: WindowSpec | None = None
    where: str = ""
    partition: tuple[str, ...] = ()
    mergeable: bool = True
    alive: str = ""


@dataclass(frozen=True, slots=True)
class Apply:
    """Adds a column: a user function over `args` (SQL over the input), called once a batch."""

    input: Node
    function: Function
    args: tuple[Named, ...]
    output: Column

    @property
    def schema(self) -> Schema:
        """The input's columns, then the result."""
        return (*self.input.schema, self.output)


@dataclass(frozen=True, slots=True)
class Sort:
    """ORDER BY of an unbounded query: each emitted batch by itself. SQL over input's columns."""

    input: Node
    order: tuple[str, ...]

    @property
    def schema(self) -> Schema:
        """As its input."""
        return self.input.schema


@dataclass(frozen=True, slots=True)
class LimitBy:
    """At most `count` rows per `keys` after the first `offset`: over the whole query (`per_query`)
    or per emitted batch."""

    input: Node
    count: int
    keys: tuple[str, ...]
    per_query: bool
    offset: int = 0

    @property
    def schema(self) -> Schema:
        """As its input."""
        return self.input.schema


@dataclass(frozen=True, slots=True)
class Limit:
    """Skip `offset` rows, pass `count`, then end the source below. count -1 = no limit."""

    input: Node
    count: int
    offset: int = 0

    @property
    def schema(self) -> Schema:
        """As its input."""
        return self.input.schema


@dataclass(frozen=True, slots=True)
class Distinct:
    """Each distinct row once over the whole query."""

    input: Node

    @property
    def schema(self) -> Schema:
        """As its input."""
        return self.input.schema


@dataclass(frozen=True, slots=True)
class Collect:
    """Rows wait for the next tick of an interval, which sends them as one emission."""

    input: Node
    interval_ms: int

    @property
    def schema(self) -> Schema:
        """As its input."""
        return self.input.schema


@dataclass(frozen=True, slots=True)
class Union:
    """UNION ALL of equal schemas, unordered between inputs."""

    inputs: tuple[Node, ...]

    @property
    def schema(self) -> Schema:
        """As its first input."""
        return self.inputs[0].schema


@dataclass(frozen=True, slots=True)
class Tagged:
    """Two queries as one graph: rows of both in the order of the input.

    The inputs have the columns of `schema`, then `ROW_ORDER`; the first of them says which query a
    row is of. `reads`: what they read in turn, since that column says no more.
    """

    inputs: tuple[Node, ...]
    schema: Schema
    reads: Reads = "slice"


@dataclass(frozen=True, slots=True)
class TableRows:
    """Columns of an external table that a join looks up; `settings` of its definition."""

    schema: Schema
    stream_id: str
    stream_name: str
    type: str
    settings: tuple[tuple[str, str], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Enrich:
    """Rows of the input with those of a table that have their key as they arrive, or had it at most
    `ttl_ms` of instants before. Schema: the input's columns, then those of the last layer.

    `layers`: filters and projections over the looked-up rows, the lowest first. `keys`: columns of
    the input and of the last layer, in one type; `columns`: those of the table that the latter are.
    """

    input: Node
    table: TableRows
    layers: tuple[tuple[tuple[Named, ...], str], ...]
    kind: Literal["inner", "left"]
    keys: tuple[tuple[str, ...], tuple[str, ...]]
    columns: tuple[str, ...]
    schema: Schema
    ttl_ms: int


Node = (
    Scan
    | RandomScan
    | BoundedScan
    | Project
    | Window
    | Watched
    | Aggregate
    | Sort
    | LimitBy
    | Limit
    | Distinct
    | Collect
    | Union
    | Tagged
    | Upsert
    | Merge
    | Join
    | Dedup
    | Rowify
    | Stateful
    | Apply
    | TableRows
    | Enrich
)


def is_weighted(node: Node) -> bool:
    """Whether rows of a node are a changelog: they carry their weight in `_tp_delta`."""
    return any(column.name == "_tp_delta" for column in node.schema)


def inputs_of(node: Node) -> tuple[Node, ...]:
    """The nodes below, in order of their ports."""
    match node:
        case Scan() | RandomScan() | BoundedScan() | TableRows():
            return ()
        case Union() | Tagged():
            return node.inputs
        case Join():
            return (node.left, node.right)
        case _:
            return (node.input,)


@dataclass(frozen=True, slots=True)
class TableScan:
    """A stream or external table that a bounded query reads under `alias`, a name in its SQL.

    Of an external table rows that `where` excludes, and those beyond `limit`, need not be fetched.
    """

    alias: str
    stream_id: str
    stream_name: str
    columns: tuple[str, ...]  # needed stored columns, reserved ones included
    external: bool = False
    where: tuple[Predicate, ...] = ()
    limit: int = -1


@dataclass(frozen=True, slots=True)
class BoundedQuery:
    """One DuckDB statement over `tables`; its output columns have exactly `schema`, cast so.

    `functions`: the user functions in it, by their names there.
    """

    sql: str
    tables: tuple[TableScan, ...]
    schema: Schema
    functions: tuple[tuple[str, Function], ...] = ()


@dataclass(frozen=True, slots=True)
class Lookup:
    """A bounded subquery in an expression of a streaming plan, evaluated once at its start.

    `token` (`{lookup_0}`, ...) stands in fragments for its answer: one value when `single`, else
    the right side of IN. `element`: SQL of a value of the set made from its token `{value}`.
    """

    token: str
    query: BoundedQuery
    single: bool
    element: str = "{value}"


@dataclass(frozen=True, slots=True)
class StreamingQuery:
    """An unbounded query: the root of its plan, and the subqueries in its expressions."""

    root: Node
    settings: dict[str, str] = field(default_factory=dict)
    lookups: tuple[Lookup, ...] = ()

    @property
    def schema(self) -> Schema:
        """Columns of the result."""
        return self.root.schema
