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
from typing import Literal

from engine.types import DataType


@dataclass(frozen=True, slots=True)
class Column:
    """A named, typed column."""

    name: str
    type: DataType


Schema = tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """An output column: its name, its DuckDB SQL over the input's columns, its type."""

    name: str
    sql: str
    type: DataType


@dataclass(frozen=True, slots=True)
class Seek:
    """Where a scan begins: 'latest', 'earliest', a sequence number or a time (ms since the epoch).

    `relative_ms`: a negative offset from the instant of the start record.
    """

    kind: Literal["latest", "earliest", "sn", "time", "relative"] = "latest"
    value: int = 0


@dataclass(frozen=True, slots=True)
class Past:
    """How a rewinding scan reads what lies before the query was accepted.

    `in_order`: sorted by `_tp_time`. `logged_only`: only what the log holds and history does not.
    `speed` above 0: played at so many times the pace of `time_column`, of rows whose time there is
    not before `from_ms` and not after `until_ms` (ms since the epoch).
    """

    in_order: bool = False
    logged_only: bool = False
    speed: float = 0.0
    time_column: str = "_tp_append_time"
    from_ms: int | None = None
    until_ms: int | None = None

    @property
    def plain(self) -> bool:
        """Whether rows are read append by append, as fast as they can be."""
        return not self.in_order and not self.speed


@dataclass(frozen=True, slots=True)
class Scan:
    """An unbounded read of a stream. `schema`: the needed columns, reserved ones included."""

    schema: Schema
    stream_id: str
    stream_name: str
    seek: Seek = Seek()
    past: Past = Past()


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
class Parameter:
    """A constant of a filter: `sql` is how it stands in `where`, `token` what stands instead of it
    in the shape, `column_type` its DuckDB type in a table of parameters."""

    token: str
    sql: str
    column_type: str


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
class Span:
    """A length of time in the dialect: `count` of `unit` (ns us ms s m h d w M q y)."""

    count: int
    unit: str


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """A window over `time_column`, evaluated at the source, before WHERE of the same SELECT.

    Adds `window_start` and `window_end` of the type of the time column. session: `idle`,
    `max_span`, `start_predicate`, `end_predicate` (SQL over the input), and whether the boundary
    rows belong. `processing_time`: the time argument was now() or now64().
    """

    kind: Literal["tumble", "hop", "session"]
    time_column: str
    time_type: DataType
    size: Span
    slide: Span | None = None
    timezone: str = "UTC"
    processing_time: bool = False
    max_span: Span | None = None
    start_predicate: str = ""
    end_predicate: str = ""
    start_inclusive: bool = True
    end_inclusive: bool = True


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


Merge = Literal[
    "add",  # numeric sum, decimals and 128-bit integers too
    "min",
    "max",
    "first",  # the earliest arrived non-missing value stays
    "last",  # the latest arrived value wins
    "concat",  # list: earlier arrivals first
    "union",  # list used as a set, order of first arrival
    "with_min",  # companion of the partial named `by`: taken from the side whose `by` is smaller
    "with_max",
]


@dataclass(frozen=True, slots=True)
class Partial:
    """One accumulator: `sql` aggregates the rows of a batch, `merge` folds that into the slot.

    `sql` may use every column of the Aggregate's input and `__row` (arrival number in the batch).
    A NULL partial means "no value in this batch" and leaves the slot as it is. `keep`: of a
    "concat" list only so many values are needed, the smallest ones, or the largest when negative
    (0 = all, in order of arrival); others may be dropped at any merge, and the order is free.
    """

    name: str
    sql: str
    type: DataType
    merge: Merge
    by: str = ""
    keep: int = 0


@dataclass(frozen=True, slots=True)
class EmitSpec:
    """The emit policy of one SELECT, as written; defaults are resolved by the binder.

    `when`: "append" (tail, ON UPDATE), "tick" (PERIODIC), "close" (AFTER WINDOW CLOSE).
    `which`: "changed" groups, "all" groups, "closed" windows, "open" = open and just closed.
    `how`: "plain" or "changelog".
    """

    when: Literal["append", "tick", "close"]
    which: Literal["changed", "all", "closed", "open"]
    how: Literal["plain", "changelog"] = "plain"
    interval_ms: int = 0
    repeat: bool = False
    delay: Span | None = None
    timeout_ms: int = 0
    emit_version: str = ""  # name of the output column that carries emit_version(), if used


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Group and aggregate under an emit policy.

    Output: `keys`, then `partials` merged, then window_start and window_end if `window`, then the
    emit version if asked for. Finals, HAVING and the select list are a Project above it.
    `partition`: names of the keys that form the substream (PARTITION BY), each with a watermark of
    its own. `where` is applied after the watermark saw the row. `mergeable`: panes may be merged
    into windows; else every row goes to each of its windows.
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
    """At most `count` rows per `keys`: over the whole query (`per_query`) or per emitted batch."""

    input: Node
    count: int
    keys: tuple[str, ...]
    per_query: bool

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
class Union:
    """UNION ALL of equal schemas, unordered between inputs."""

    inputs: tuple[Node, ...]

    @property
    def schema(self) -> Schema:
        """As its first input."""
        return self.inputs[0].schema


Node = (
    Scan
    | RandomScan
    | BoundedScan
    | Project
    | Window
    | Aggregate
    | Sort
    | LimitBy
    | Limit
    | Distinct
    | Union
)


@dataclass(frozen=True, slots=True)
class TableScan:
    """A stream that a bounded query reads under `alias` (a table name in its SQL)."""

    alias: str
    stream_id: str
    stream_name: str
    columns: tuple[str, ...]  # needed stored columns, reserved ones included


@dataclass(frozen=True, slots=True)
class BoundedQuery:
    """One DuckDB statement over `tables`; its output columns have exactly `schema`, cast so."""

    sql: str
    tables: tuple[TableScan, ...]
    schema: Schema


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
