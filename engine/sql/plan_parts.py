"""Parts of the logical plan's nodes: columns, windows, emit policies, partials, rules of joins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from engine.types import DataType

if TYPE_CHECKING:
    from engine.udf.definition import Function


@dataclass(frozen=True, slots=True)
class Column:
    """A named, typed column. `stored`: its name in stored rows, '' = the same."""

    name: str
    type: DataType
    stored: str = ""


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
class Keyed:
    """How rows of a keyed stream replace each other.

    `mode`: changelog_kv, versioned_kv or mutable. `version`: the column whose largest value wins;
    empty: the later arrival wins. `keep`: SQL over the stored columns of rows that the TTL has not
    let go, '' = all; others are no part of the compacted past. `coalesced`: a NULL is a value that
    the row does not give.
    """

    mode: Literal["changelog_kv", "versioned_kv", "mutable"]
    keys: tuple[str, ...]
    version: str = ""
    keep: str = ""
    coalesced: bool = False


@dataclass(frozen=True, slots=True)
class Parameter:
    """A constant of a filter: `sql` is how it stands in `where`, `token` what stands instead of it
    in the shape, `column_type` its DuckDB type in a table of parameters."""

    token: str
    sql: str
    column_type: str


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
class Side:
    """One side of a join. `keys`: columns of its schema, in step with those of the other side.

    `weighted`: its rows carry `_tp_delta`.
    """

    keys: tuple[str, ...]
    weighted: bool = False


@dataclass(frozen=True, slots=True)
class AsofRule:
    """ASOF: the closest right row with `left` `op` `right` (columns of the sides' schemas)."""

    left: str
    op: Literal["<", "<=", ">", ">="]
    right: str
    keep_versions: int = 3


@dataclass(frozen=True, slots=True)
class RangeRule:
    """A range join: `low_ms` <= left time - right time <= `high_ms`; state behind both
    watermarks goes. Times are columns of the sides' schemas. `*_open`: the bound does not belong.
    """

    left: str
    right: str
    low_ms: int
    high_ms: int
    low_open: bool = False
    high_open: bool = False


@dataclass(frozen=True, slots=True)
class LagRule:
    """lag_behind: left rows wait until the right time is at most `lag_ms` behind theirs, or the
    right side was quiet for `quiesce_ms`, or for `latency_ms` (0 = however long that takes)."""

    left: str
    right: str
    lag_ms: int
    quiesce_ms: int
    latency_ms: int = 0


@dataclass(frozen=True, slots=True)
class Running:
    """A function over the rows that came before, in order of arrival: lag, lags, row_number, ...

    `name`: of the function in the dialect; `args`: columns of the input; `constants`: the rest.
    """

    output: Column
    name: str
    args: tuple[str, ...] = ()
    constants: tuple[int | float | str, ...] = ()
    fill: str = ""  # SQL constant for a row that is not there


Merge = Literal[
    "add",  # numeric sum, decimals and 128-bit integers too
    "min",
    "max",
    "first",  # the earliest arrived non-missing value stays
    "last",  # the latest arrived value wins
    "concat",  # list: earlier arrivals first
    "union",  # list used as a set, order of first arrival
    "distinct",  # as union, but what comes out is how many values the set has
    "with_min",  # companion of the partial named `by`: taken from the side whose `by` is smaller
    "with_max",
    "user",  # rows for a user aggregate
    "fit",  # rows for a model (`engine.regression`); what comes out is its bias and weights
]


@dataclass(frozen=True, slots=True)
class Counted:
    """A counted multiset under a partial: list elements are (h, v0, v1, ..., w) as they arrived.

    `h`: hash of the values; `v0` and its companions (of the partials that follow it) have `types`;
    `w`: +1 or -1. `ordered`: the result depends on the order of arrival of the values.
    """

    types: tuple[DataType, ...]
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Partial:
    """One accumulator: `sql` aggregates the rows of a batch, `merge` folds that into the slot.

    `sql` may use every column of the Aggregate's input and `__row` (arrival number in the batch).
    A NULL partial means "no value in this batch" and leaves the slot as it is. `keep`: of a
    "concat" list only so many values are needed, the smallest ones, or the largest when negative
    (0 = all, in order of arrival), tuples by their first field alone and of equal ones those that
    arrived first; others may be dropped at any merge, and the order of different ones is free.
    `counted`: over a changelog; `sql` then gives the list of the batch's values with their weights.
    `items`: of "distinct", whose own type is a number: the type of the lists that `sql` gives.
    `function`: a user aggregate; `sql` then gives its rows (see `engine.udf.column`).
    """

    name: str
    sql: str
    type: DataType
    merge: Merge
    by: str = ""
    keep: int = 0
    counted: Counted | None = None
    function: Function | None = None
    items: DataType | None = None


@dataclass(frozen=True, slots=True)
class KeySession:
    """EMIT AFTER SESSION CLOSE or AFTER KEY EXPIRE: a group is sent once and then forgotten.

    SQL over the input: `time`, of `time_type`; `start` and `end`, conditions (empty = none). It is
    sent when its times span `max_span`, at the end condition, at a start while it is open (unless
    `merge`), or when it was open for EmitSpec.timeout_ms. `only`: only with that span.
    `include_end`: the row of the end condition belongs to it.
    """

    time: str
    time_type: DataType
    max_span: Span
    start: str = ""
    end: str = ""
    only: bool = False
    merge: bool = False
    include_end: bool = True


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
    per_event: bool = False  # every row of the input is an append of its own
    session: KeySession | None = None
    state_ttl_ms: int = 0  # of a global aggregate: groups without rows for so long are forgotten
