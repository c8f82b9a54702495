"""Bound relations: what a FROM item or a SELECT means, before it is lowered.

A relation gives rows; its fields say how each visible column is read from them (`Field.sql`, over
the quoted column names of the lowered relation). `lower_bounded` makes DuckDB SQL of a relation,
`lower_streaming` makes logical nodes of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from engine.errors import Code, SqlError
from engine.functions.table import ROW, BoundAggregate
from engine.protocol import Definition
from engine.sql.logical import Lookup
from engine.sql.plan_parts import (
    AsofRule,
    Column,
    Counted,
    EmitSpec,
    Keyed,
    LagRule,
    Named,
    Past,
    RangeRule,
    Running,
    WindowSpec,
)
from engine.table_calls import Predicate
from engine.types import DataType
from engine.udf.definition import Function

# Tokens that are replaced in finished SQL: no literal and no name of a user may spell one.
TOKENS = ("{now_ms}", "{filter}", "{seed}", "{param_", "{lookup_")


def quoted(name: str) -> str:
    """A DuckDB identifier. SqlError 36 for a name that spells a token of ours."""
    if "{" in name and any(token in name for token in TOKENS):
        raise SqlError(f"the name {name[:60]!r} is reserved", Code.BAD_ARGUMENTS)
    return '"' + name.replace('"', '""') + '"'


def internal_name(name: str, taken: set[str]) -> str:
    """A column name that is none of `taken` and spells no token of ours; it is added to them.

    Plans use these; what readers see are the names of the fields.
    """
    if "{" in name:
        for token in TOKENS:
            name = name.replace(token, "(" + token[1:])
    # DuckDB does not tell upper from lower case.
    while name.lower() in taken or name.lower() == ROW:
        name += "_"
    taken.add(name.lower())
    return name


@dataclass(frozen=True, slots=True)
class Bounds:
    """Lower bounds on the start of a scan that constant predicates give; None = none.

    `time_ms` and `sn`: absolute. `relative_ms`: an offset from the instant (negative = past).
    `earliest`: from the start.
    """

    earliest: bool = False
    time_ms: int | None = None
    relative_ms: int | None = None
    sn: int | None = None
    sn_earliest: bool = False


class Read:
    """A read of a stored stream, or the rows of a random one; collects what is needed of it."""

    def __init__(
        self, definition: Definition, columns: tuple[Column, ...], *, bounded: bool, alias: str
    ) -> None:
        self.definition = definition
        self.columns = columns
        self.bounded = bounded
        self.alias = alias  # its table name in bounded SQL
        self.used: set[str] = set()
        self.bounds: list[Bounds] = []
        self.seek_to = ""
        self.past = Past()
        # Whether rows of a versioned stream come as deltas (`engine.sql.changelog`).
        self.tracked = False
        self.arrival_wins = False  # deltas of a versioned stream take no heed of versions
        self.keyed: Keyed | None = None
        self.random_columns: tuple[Named, ...] = ()
        # Of an external table: what of it is wanted at most, and whether a join looks rows up.
        self.pushed: list[Predicate] = []
        self.rows_max = -1
        self.looked_up = False

    @property
    def is_random(self) -> bool:
        """Whether rows are generated."""
        return self.definition.kind == "random_stream"

    @property
    def is_external(self) -> bool:
        """Whether rows lie in another database."""
        return self.definition.kind == "external_table"

    @property
    def mode(self) -> str:
        """What the stream's rows mean: append, changelog, changelog_kv, versioned_kv, mutable."""
        return self.definition.mode


@dataclass(frozen=True, slots=True)
class Field:
    """A visible column. `origin`: the stream columns it is a plain copy of. `star`: part of `*`.

    `uses`: the stream columns that its SQL reads.
    """

    name: str
    type: DataType
    sql: str
    source: str = ""
    star: bool = True
    origin: tuple[tuple[Read, str], ...] = ()
    uses: tuple[tuple[Read, str], ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Inline:
    """Rows of a DuckDB query without sources, such as VALUES; bounded."""

    sql: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Filtered:
    """Rows of the input that satisfy `where`."""

    input: Relation
    where: str


@dataclass(frozen=True, eq=False, slots=True)
class Renamed:
    """The input projected to new column names; `columns` are SQL over the input.

    `uses`, if given, stands beside `columns`: a column of which a stream column is not needed is
    left out (`needed`).
    """

    input: Relation
    columns: tuple[Named, ...]
    uses: tuple[tuple[tuple[Read, str], ...], ...] = ()

    @property
    def needed(self) -> tuple[Named, ...]:
        """The columns that somebody reads; to be asked for when everything is bound."""
        if not self.uses:
            return self.columns
        return tuple(
            column
            for column, uses in zip(self.columns, self.uses, strict=True)
            if all(name in read.used for read, name in uses)
        )


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A call of a user function: `args` in the function's types, over what is called before it."""

    name: str  # of the column that holds its results
    function: Function
    args: tuple[Named, ...]
    number: int  # of the function among `Facts.applied`


@dataclass(frozen=True, eq=False, slots=True)
class Called:
    """The input with a column for each call, in this order."""

    input: Relation | None
    calls: tuple[FunctionCall, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Windowed:
    """Windows over the input. `time`: the time column when it must be computed first."""

    input: Relation
    spec: WindowSpec
    time: Named | None
    aggregated: bool
    lifted: bool = False  # over a join of which one side was windowed: that side is `Marked`


@dataclass(frozen=True, eq=False, slots=True)
class Marked:
    """The side of a join whose windows stand above the join; the watermark is taken here."""

    input: Relation
    spec: WindowSpec
    time: Named | None


@dataclass(frozen=True, eq=False, slots=True)
class JoinOn:
    """A bounded join of two relations whose columns were renamed apart (l0, l1, ... r0, ...)."""

    left: Renamed
    right: Renamed
    kind: str  # DuckDB's words, such as LEFT JOIN
    on: str
    outputs: tuple[Named, ...]
    latest_by: tuple[str, ...] = ()  # right columns: keep the last row of each
    any_by: tuple[str, ...] = ()  # right columns: keep the first row of each
    ordered: bool = False  # its rows come in the order of the left side


@dataclass(frozen=True, eq=False, slots=True)
class Upserted:
    """changelog(x, key, ...): rows that replace each other by key. Names are columns of `input`."""

    input: Renamed
    keys: tuple[str, ...]
    version: str = ""
    drop_late: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Deduped:
    """dedup(x, key, ...): the first row of each key. Names are columns of `input`."""

    input: Renamed
    keys: tuple[str, ...]
    ttl_ms: int = 0
    limit: int = 10_000


@dataclass(frozen=True, eq=False, slots=True)
class Rowified:
    """rowify(x): every row is an append of its own."""

    input: Relation


@dataclass(frozen=True, slots=True)
class RunningRule:
    """Functions over the rows before: `columns` (computed over the rows: arguments and keys of the
    substreams), `functions` over those, and the names of the keys."""

    columns: tuple[Named, ...]
    functions: tuple[Running, ...]
    partition: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Stated:
    """The input's rows with the columns of running functions beside them."""

    input: Relation
    rule: RunningRule


@dataclass(frozen=True, eq=False, slots=True)
class StreamJoin:
    """A join of which a side goes on for ever; columns were renamed apart (l0, l1, ... r0, ...).

    `changelog`: its rows carry `_tp_delta`. The rest is that of `logical.Join`.
    """

    left: Renamed
    right: Renamed
    kind: Literal["inner", "left"]
    strictness: Literal["all", "asof", "latest"]
    keys: tuple[tuple[str, ...], tuple[str, ...]]
    changelog: bool = False
    bidirectional: bool = True
    asof: AsofRule | None = None
    range: RangeRule | None = None
    lag: LagRule | None = None
    # Of an external table on the right: the columns of it that the keys are.
    looked_up: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AggregateUse:
    """One aggregate of a SELECT: `native` its SQL with its filter, `result` reads it above."""

    name: str
    bound: BoundAggregate
    native: str
    result: str


@dataclass(frozen=True, slots=True)
class PartialUse:
    """One partial of the streaming form."""

    name: str
    sql: str
    type: DataType
    merge: str
    by: str = ""
    keep: int = 0
    counted: Counted | None = None
    function: Function | None = None
    items: DataType | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Grouping:
    """GROUP BY: keys, aggregates, and in a window the columns of it that are keys."""

    keys: tuple[Named, ...]
    aggregates: tuple[AggregateUse, ...]
    partials: tuple[PartialUse, ...]
    window: WindowSpec | None
    window_columns: tuple[Column, ...]
    partition: tuple[str, ...]
    emit_version: bool
    alive: str = ""  # of a changelog's aggregation: the partial that counts its rows


@dataclass(frozen=True, slots=True)
class LimitByRule:
    """LIMIT [offset,] n BY: names of (maybe hidden) output columns."""

    count: int
    keys: tuple[str, ...]
    per_query: bool
    offset: int = 0


@dataclass(slots=True)
class Tracking:
    """Whether somebody above an aggregation wants its result as a changelog."""

    on: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Selected:
    """A SELECT. `columns` are over the input, or over what the grouping gives.

    `hidden`: helper columns of ORDER BY and LIMIT BY, dropped at the end. `order`: DuckDB ORDER BY
    items over columns and hidden ones. `limit` -1 = none. `calls`: user functions over the
    rows of the grouping (those over the input are a `Called` below).
    """

    input: Relation | None
    where: str
    grouping: Grouping | None
    columns: tuple[Named, ...]
    having: str = ""
    hidden: tuple[Named, ...] = ()
    order: tuple[str, ...] = ()
    distinct: bool = False
    limit_by: LimitByRule | None = None
    limit: int = -1
    offset: int = 0
    emit: EmitSpec | None = None
    flat: bool = False
    after: RunningRule | None = None  # over the rows of the grouping
    tracking: Tracking = field(default_factory=Tracking)
    calls: tuple[FunctionCall, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class UnionOf:
    """UNION ALL (or, bounded, another set operation) of relations projected to equal columns."""

    inputs: tuple[Renamed, ...]
    columns: tuple[Column, ...]
    operation: str = "UNION ALL"


Relation = (
    Read
    | Inline
    | Filtered
    | Renamed
    | Windowed
    | Marked
    | JoinOn
    | Selected
    | UnionOf
    | Upserted
    | Deduped
    | Rowified
    | Stated
    | StreamJoin
    | Called
)


def inputs_of(relation: Relation | None) -> tuple[Relation, ...]:
    """The relations below, in the order of FROM."""
    match relation:
        case None | Inline() | Read():
            return ()
        case JoinOn() | StreamJoin():
            return (relation.left, relation.right)
        case UnionOf():
            return relation.inputs
        case Selected() | Called():
            return () if relation.input is None else (relation.input,)
        case _:
            return (relation.input,)


def is_bounded(relation: Relation | None) -> bool:
    """Whether every source ends by itself."""
    if isinstance(relation, Read):
        return relation.bounded and not relation.looked_up
    return all(is_bounded(each) for each in inputs_of(relation))


def reads_of(relation: Relation | None) -> list[Read]:
    """The reads under a relation, in the order of FROM."""
    if isinstance(relation, Read):
        return [relation]
    return [read for each in inputs_of(relation) for read in reads_of(each)]


@dataclass(slots=True)
class Facts:
    """What sqlanalyze and EXPLAIN want to know of a statement; filled while binding."""

    has_aggregate: bool = False
    has_subquery: bool = False
    has_table_join: bool = False
    has_union: bool = False
    group_by: list[str] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    views: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    applied: list[Function] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)
