"""Bound relations: what a FROM item or a SELECT means, before it is lowered.

A relation gives rows; its fields say how each visible column is read from them (`Field.sql`, over
the quoted column names of the lowered relation). `lower_bounded` makes DuckDB SQL of a relation,
`lower_streaming` makes logical nodes of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.errors import Code, SqlError
from engine.functions.table import BoundAggregate
from engine.protocol import Definition
from engine.sql.logical import Column, EmitSpec, Lookup, Named, Past, WindowSpec
from engine.types import DataType

# Tokens that are replaced in finished SQL: no literal and no name of a user may spell one.
TOKENS = ("{now_ms}", "{filter}", "{seed}", "{param_", "{lookup_")


def quoted(name: str) -> str:
    """A DuckDB identifier. SqlError 36 for a name that spells a token of ours."""
    if "{" in name and any(token in name for token in TOKENS):
        raise SqlError(f"the name {name[:60]!r} is reserved", Code.BAD_ARGUMENTS)
    return '"' + name.replace('"', '""') + '"'


def internal_name(name: str, taken: set[str]) -> str:
    """A column name that is none of `taken` and spells no token; it is added to them.

    Plans use these; what readers see are the names of the fields.
    """
    if "{" in name:
        for token in TOKENS:
            name = name.replace(token, "(" + token[1:])
    while name.lower() in taken:  # DuckDB does not tell upper from lower case
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
        self.random_columns: tuple[Named, ...] = ()

    @property
    def is_random(self) -> bool:
        """Whether rows are generated."""
        return self.definition.kind == "random_stream"


@dataclass(frozen=True, slots=True)
class Field:
    """A visible column. `origin`: the stream column it is a plain copy of. `star`: part of `*`.

    `uses`: the stream columns that its SQL reads.
    """

    name: str
    type: DataType
    sql: str
    source: str = ""
    star: bool = True
    origin: tuple[Read, str] | None = None
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


@dataclass(frozen=True, eq=False, slots=True)
class Windowed:
    """Windows over the input. `time`: the time column when it must be computed first."""

    input: Relation
    spec: WindowSpec
    time: Named | None
    aggregated: bool


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


@dataclass(frozen=True, slots=True)
class LimitByRule:
    """LIMIT n BY: names of (maybe hidden) output columns."""

    count: int
    keys: tuple[str, ...]
    per_query: bool


@dataclass(frozen=True, eq=False, slots=True)
class Selected:
    """A SELECT. `columns` are over the input, or over what the grouping gives.

    `hidden`: helper columns of ORDER BY and LIMIT BY, dropped at the end. `order`: DuckDB ORDER BY
    items over columns and hidden ones. `limit` -1 = none.
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


@dataclass(frozen=True, eq=False, slots=True)
class UnionOf:
    """UNION ALL (or, bounded, another set operation) of relations projected to equal columns."""

    inputs: tuple[Renamed, ...]
    columns: tuple[Column, ...]
    operation: str = "UNION ALL"


Relation = Read | Inline | Filtered | Renamed | Windowed | JoinOn | Selected | UnionOf


def is_bounded(relation: Relation | None) -> bool:
    """Whether every source ends by itself."""
    match relation:
        case None | Inline():
            return True
        case Read():
            return relation.bounded
        case JoinOn():
            return is_bounded(relation.left) and is_bounded(relation.right)
        case UnionOf():
            return all(is_bounded(i) for i in relation.inputs)
        case _:
            return is_bounded(relation.input)


def reads_of(relation: Relation | None) -> list[Read]:
    """The reads under a relation, in the order of FROM."""
    match relation:
        case None | Inline():
            return []
        case Read():
            return [relation]
        case JoinOn():
            return reads_of(relation.left) + reads_of(relation.right)
        case UnionOf():
            return [read for i in relation.inputs for read in reads_of(i)]
        case _:
            return reads_of(relation.input)


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
    lookups: list[Lookup] = field(default_factory=list)
