"""Joins of which a side goes on for ever: which of them exist (section 9 of the dialect)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from engine.batch import TP_DELTA
from engine.errors import Code, SqlError
from engine.functions.table import Arg
from engine.sql.changelog import can_track, is_changelog, track, track_if_possible
from engine.sql.context import Context, Item
from engine.sql.join_on import Conditions, bind_on, bind_using
from engine.sql.nodes import Joined, child, children, text_of
from engine.sql.plan_parts import AsofRule, LagRule, Named, RangeRule
from engine.sql.relations import (
    Called,
    Field,
    Filtered,
    FunctionCall,
    Read,
    Relation,
    Renamed,
    StreamJoin,
    is_bounded,
    quoted,
)
from engine.sql.settings import number_setting
from engine.sql.table_joins import EXTERNAL_TABLE, is_looked_up, looked_up_columns
from engine.sql.values import in_type
from engine.type_promotion import supertype
from engine.types import FLOAT64, INT8, DataType, duckdb_type

Strictness = Literal["all", "asof", "latest"]
_STRICTNESS: Final[dict[str, Strictness]] = {
    "": "all",
    "ALL": "all",
    "ASOF": "asof",
    "LATEST": "latest",
    "ANY": "latest",
}
KEEP_VERSIONS: Final = 3
MAX_RANGE_S: Final = 300
QUIESCE_MS: Final = 1_000
_VERSIONED = ("versioned_kv", "mutable")


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a join is, in the words of the table of section 9."""

    kind: Literal["inner", "left"]
    strictness: Strictness
    left: str
    right: str

    def refused(self, why: str = "") -> SqlError:
        """Error 48 that names kind, strictness and modes."""
        joined = f"{self.kind} {self.strictness} join of {self.left} with {self.right}"
        message = f"{joined} is not supported"
        hint = why or "see which joins of streams exist in the documentation of joins"
        return SqlError(f"{message}: {hint}", Code.NOT_IMPLEMENTED)


class _Sides:
    """The renamed sides, and the columns that the join computes on them first."""

    def __init__(self, prefix: str, renamed: tuple[Renamed, Renamed]) -> None:
        self._prefix = prefix
        self._renamed = renamed
        self.calls: tuple[Sequence[FunctionCall], Sequence[FunctionCall]] = ((), ())
        self._extra: tuple[list[Named], list[Named]] = ([], [])

    def add(self, side: int, name: str, arg: Arg, t: DataType) -> str:
        """A column of a side in this type; returns its name."""
        plain = arg.sql.strip('"')
        if arg.type == t and any(column.name == plain for column in self._renamed[side].columns):
            return plain
        full = f"__{self._prefix}{'lr'[side]}_{name}"
        sql = f"CAST({in_type(arg, t)} AS {duckdb_type(t)})"
        self._extra[side].append(Named(full, sql, t))
        return full

    def relation(self, side: int) -> Renamed:
        """The side with these columns."""
        extra, held = self._extra[side], self._renamed[side]
        if not extra:
            return held
        same = tuple(Named(c.name, quoted(c.name), c.type) for c in held.columns)
        below = Called(held, tuple(self.calls[side])) if self.calls[side] else held
        return Renamed(below, (*same, *extra), (*held.uses, *(() for _ in extra)))


def bind_stream_join(
    items: tuple[Item, Item],
    apart: tuple[tuple[Renamed, tuple[Field, ...]], tuple[Renamed, tuple[Field, ...]]],
    join: Joined,
    prefix: str,
    context: Context,
) -> tuple[StreamJoin, tuple[tuple[Field, ...], tuple[Field, ...]]]:
    """A join with an unbounded side, and the fields of both sides below it.

    `apart`: the sides with column names of their own. SqlError 48 for those that do not exist and
    for conditions other than equalities, 62 for ranges, 169 for types that ASOF does not compare.
    """
    kind = _kind(items, join)
    fields = (apart[0][1], apart[1][1])
    using = [n.name for n in children(join, "using")]
    on = child(join, "on")
    if using:
        conditions = bind_using(using, fields)
    else:
        assert on is not None, "CROSS was refused, the grammar wants ON or USING for others"
        conditions = bind_on(on, fields, context)
    looked_up: tuple[str, ...] = ()
    if kind.right == EXTERNAL_TABLE:
        looked_up = looked_up_columns(items[1], apart[1][0], conditions)
    sides = _Sides(prefix, (apart[0][0], apart[1][0]))
    sides.calls = conditions.calls[0].calls, conditions.calls[1].calls
    ranged = _range(kind, conditions, sides, context)
    _check(kind, conditions)
    asof = _asof(conditions, sides, context)
    lag = _lag(kind, conditions, sides, context)
    keys = _keys(conditions, sides)
    changelog, bidirectional = _deltas(kind, items)
    made = StreamJoin(
        sides.relation(0),
        sides.relation(1),
        kind.kind,
        kind.strictness,
        keys,
        changelog,
        bidirectional,
        asof=asof,
        range=ranged,
        lag=lag,
        looked_up=looked_up,
    )
    return made, fields


def without_delta(item: Item) -> Item:
    """The side without the weight of its rows: the join has its own."""
    if is_bounded(item.relation):
        return item
    kept = tuple(f for f in item.fields if f.name != TP_DELTA and f.sql != quoted(TP_DELTA))
    return Item(item.relation, kept)


def delta_field() -> Field:
    """The weight of a join's rows; part of `*`, and of no side."""
    return Field(TP_DELTA, INT8, quoted(TP_DELTA))


# -- which joins there are ------------------------------------------------------------------------


def _kind(items: tuple[Item, Item], join: Joined) -> _Kind:
    side, word = text_of(join, "side"), text_of(join, "kind")
    strictness = _STRICTNESS.get(text_of(join, "strictness"))
    if word == "CROSS" or side not in ("", "LEFT") or strictness is None:
        asked = " ".join(w for w in (side, text_of(join, "strictness"), word) if w)
        message = (
            f"{asked} JOIN of streams is not supported: use INNER or LEFT JOIN, of kind ALL, "
            "ASOF or LATEST"
        )
        raise SqlError(message, Code.NOT_IMPLEMENTED)
    modes = [_mode(item.relation) for item in items]
    kind = _Kind("left" if side else "inner", strictness, modes[0], modes[1])
    if kind.left == "table()":
        raise kind.refused("a stream stands on the left of a table; exchange the two sides")
    if kind.right == "table()":
        if strictness == "latest":
            raise kind.refused("a table has no latest row; join it with ALL or ASOF")
        return kind
    if kind.right == EXTERNAL_TABLE:
        if kind.left != "append":
            raise kind.refused(
                "rows that were sent cannot be taken back as the table was then; read it once by "
                "table(name), or join before the aggregation"
            )
        if strictness != "all":
            raise kind.refused("its rows are looked up by key; ASOF takes table(name)")
        return kind
    if kind.left == "append":
        if strictness != "all" and kind.right not in ("append", *_VERSIONED):
            raise kind.refused("ASOF and LATEST want an append or versioned_kv stream on the right")
        return kind
    if kind.right == "append":
        raise kind.refused("put changelog(stream, key) around the right side, or exchange the two")
    if strictness != "all":
        raise kind.refused("two streams whose rows change are joined with ALL")
    return kind


def _mode(relation: Relation | None) -> str:
    """The mode of a side as the table of section 9 names it."""
    if is_looked_up(relation):
        return EXTERNAL_TABLE
    if is_bounded(relation):
        return "table()"
    if not can_track(relation) and not is_changelog(relation):
        return "append"
    here = relation
    while isinstance(here, Filtered | Renamed):
        here = here.input
    if isinstance(here, Read):
        return here.mode
    return "changelog"


def _check(kind: _Kind, conditions: Conditions) -> None:
    """Whether the conditions go with the kind."""
    if conditions.range is not None and (
        kind.strictness != "all" or kind.left != "append" or kind.right != "append"
    ):
        raise kind.refused("a range of times joins two append streams, with ALL")
    if not conditions.equal:
        message = "JOIN of streams wants an equality between the two sides, such as a.id = b.id"
        raise SqlError(message, Code.NOT_IMPLEMENTED)
    if kind.strictness == "asof" and len(conditions.ordered) != 1:
        message = "ASOF JOIN wants equalities and one inequality between the two sides"
        raise SqlError(message, Code.INVALID_JOIN_ON)
    if kind.strictness != "asof" and conditions.ordered:
        message = (
            "JOIN of streams takes equalities between the two sides; put other conditions into "
            "WHERE, or use ASOF JOIN"
        )
        raise SqlError(message, Code.NOT_IMPLEMENTED)


def _deltas(kind: _Kind, items: tuple[Item, Item]) -> tuple[bool, bool]:
    """Whether the result is a changelog, and whether both sides give output; asks for deltas."""
    if kind.left != "append":
        track(items[0].relation)
        track(items[1].relation)
        return True, kind.right != "table()"
    if kind.right == "append":
        return False, kind.strictness == "all"
    if kind.strictness == "all" and kind.right != EXTERNAL_TABLE:
        track_if_possible(items[1].relation)
    return False, False


# -- the columns that it compares -----------------------------------------------------------------


def _keys(conditions: Conditions, sides: _Sides) -> tuple[tuple[str, ...], tuple[str, ...]]:
    names: tuple[list[str], list[str]] = ([], [])
    for at, pair in enumerate(conditions.equal):
        t = supertype(pair[0].type, pair[1].type)
        for side in (0, 1):
            names[side].append(sides.add(side, f"k{at}", pair[side], t))
    return tuple(names[0]), tuple(names[1])


def _asof(conditions: Conditions, sides: _Sides, context: Context) -> AsofRule | None:
    if not conditions.ordered:
        return None
    left, op, right = conditions.ordered[0]
    for arg in (left, right):
        inner = arg.type.inner
        number = inner.is_numeric and not inner.is_wide_integer
        if not (number or inner.is_time or inner.is_date):
            message = f"the inequality of ASOF JOIN compares numbers or times, not {arg.type}"
            raise SqlError(message, Code.BAD_TYPE_OF_FIELD)
    t = supertype(left.type, right.type)
    if t.inner.is_decimal or t.inner.is_wide_integer:
        t = FLOAT64
    keep = number_setting(context.settings, "keep_versions", KEEP_VERSIONS)
    if keep < 1:
        raise SqlError("setting keep_versions must be at least 1", Code.BAD_ARGUMENTS)
    return AsofRule(sides.add(0, "x", left, t), op, sides.add(1, "x", right, t), keep)


def _range(
    kind: _Kind, conditions: Conditions, sides: _Sides, context: Context
) -> RangeRule | None:
    found = conditions.range
    if found is None:
        return None
    if kind.right == "table()":
        raise kind.refused("a range of times joins two append streams; put it into WHERE")
    longest = 1000 * number_setting(context.settings, "max_join_range", MAX_RANGE_S)
    low, high = found.low_ms, found.high_ms
    if low > 0 or high < 0 or low >= high or high - low > longest:
        message = (
            f"the range of a join must contain 0 and be at most max_join_range = {longest // 1000} "
            f"seconds wide, not {low} to {high} ms; shift one of the times, or raise the setting"
        )
        raise SqlError(message, Code.SYNTAX_ERROR)
    left = sides.add(0, "t", found.left, found.left.type)
    right = sides.add(1, "t", found.right, found.right.type)
    return RangeRule(left, right, low, high, *found.open)


def _lag(kind: _Kind, conditions: Conditions, sides: _Sides, context: Context) -> LagRule | None:
    found = conditions.lag
    if found is None:
        return None
    if kind.right == "table()" or kind.left != "append":
        raise kind.refused(
            "lag_behind holds rows of an append stream until a right stream is there"
        )
    if kind.right == "append" and kind.strictness == "all":
        raise kind.refused("lag_behind goes with ASOF and LATEST, or with a keyed right side")
    quiet = number_setting(context.settings, "join_quiesce_threshold_ms", QUIESCE_MS)
    latency = number_setting(context.settings, "join_latency_threshold", 0)
    left = sides.add(0, "w", found.left, found.left.type)
    right = sides.add(1, "w", found.right, found.right.type)
    return LagRule(left, right, found.lag_ms, quiet, latency)
