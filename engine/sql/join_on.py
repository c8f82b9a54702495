"""ON and USING of a join of streams: pairs of equal keys, an inequality, a range, a lag."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, cast

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.functions.table import Arg
from engine.sql.applied import FunctionCalls
from engine.sql.context import Context
from engine.sql.expressions import Binder
from engine.sql.names import ColumnScope, Names, use
from engine.sql.nodes import Call, Duration, text_of
from engine.sql.plan_parts import Span
from engine.sql.relations import Field
from engine.sql.times import FIXED_NS, span_ms

Sides = tuple[tuple[Field, ...], tuple[Field, ...]]
Op = Literal["<", "<=", ">", ">="]
_OPS: Final[dict[type[exp.Expr], Op]] = {exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
_TURNED: Final[dict[Op, Op]] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_UNITS: Final = {
    "millisecond": "ms",
    "second": "s",
    "minute": "m",
    "hour": "h",
    "day": "d",
    **{unit: unit for unit in ("ms", "s", "m", "h", "d")},
}
_EQUALITIES = (
    "ON of a join of streams takes equalities between the two sides joined by AND, such as "
    "a.id = b.id; put other conditions into WHERE"
)


@dataclass(frozen=True, slots=True)
class Range:
    """A range on left time - right time; `open` says which bounds do not belong to it."""

    left: Arg
    right: Arg
    low_ms: int
    high_ms: int
    open: tuple[bool, bool] = (False, False)


@dataclass(frozen=True, slots=True)
class Lag:
    """lag_behind."""

    left: Arg
    right: Arg
    lag_ms: int


@dataclass(slots=True)
class Conditions:
    """What ON says: every list in the order of the text."""

    equal: list[tuple[Arg, Arg]] = field(default_factory=list[tuple[Arg, Arg]])
    ordered: list[tuple[Arg, Op, Arg]] = field(default_factory=list[tuple[Arg, Op, Arg]])
    range: Range | None = None
    lag: Lag | None = None
    calls: tuple[FunctionCalls, FunctionCalls] = field(
        default_factory=lambda: (FunctionCalls(), FunctionCalls())
    )  # of user functions, by side


def bind_using(names: list[str], sides: Sides) -> Conditions:
    """USING (a, b); SqlError 47 for a column that is not on both sides."""
    found = Conditions()
    for name in names:
        ends = [next((f for f in fields if f.name == name), None) for fields in sides]
        if ends[0] is None or ends[1] is None:
            message = f"column {name[:120]} of USING is not on both sides"
            raise SqlError(message, Code.UNKNOWN_IDENTIFIER)
        found.equal.append((use(ends[0]), use(ends[1])))
    return found


def bind_on(on: exp.Expr, sides: Sides, context: Context) -> Conditions:
    """The conjunction; SqlError 48 for what is none of its forms, 62 for a range without bounds."""
    reader = _Reader(sides, context)
    for part in _conjuncts(on):
        reader.read(part)
    return reader.finish()


def _conjuncts(node: exp.Expr) -> list[exp.Expr]:
    if isinstance(node, exp.Paren):
        return _conjuncts(cast("exp.Expr", node.this))
    if isinstance(node, exp.And):
        right = cast("exp.Expr", node.args["expression"])
        return _conjuncts(cast("exp.Expr", node.this)) + _conjuncts(right)
    return [node]


@dataclass(slots=True)
class _Bounds:
    """One-sided comparisons of one date_diff, as bounds on left - right."""

    left: Arg
    right: Arg
    low: tuple[int, bool] | None = None
    high: tuple[int, bool] | None = None


class _Reader:
    def __init__(self, sides: Sides, context: Context) -> None:
        self._sides = sides
        self._context = context
        self._found = Conditions()
        self._bounds: dict[str, _Bounds] = {}

    def read(self, part: exp.Expr) -> None:
        """One condition of the conjunction."""
        if isinstance(part, Call) and text_of(part) == "date_diff_within":
            self._within(part)
        elif isinstance(part, Call) and text_of(part) == "lag_behind":
            self._lag(part)
        elif isinstance(part, exp.Between) and _is_difference(part.this):
            low = _constant(cast("exp.Expr", part.args["low"]))
            high = _constant(cast("exp.Expr", part.args["high"]))
            self._bound(cast("Call", part.this), ">=", low)
            self._bound(cast("Call", part.this), "<=", high)
        elif isinstance(part, exp.EQ):
            left, right = self._across(part)
            self._found.equal.append((left, right))
        elif type(part) in _OPS:
            self._inequality(part)
        else:
            raise SqlError(_EQUALITIES, Code.NOT_IMPLEMENTED)

    def finish(self) -> Conditions:
        """With the range that the comparisons of date_diff make."""
        for bounds in self._bounds.values():
            if bounds.low is None or bounds.high is None:
                message = (
                    "a range join needs both bounds: date_diff(...) between -10 and 10, or "
                    "date_diff_within(10s)"
                )
                raise SqlError(message, Code.SYNTAX_ERROR)
            opened = bounds.low[1], bounds.high[1]
            made = Range(bounds.left, bounds.right, bounds.low[0], bounds.high[0], opened)
            self._set_range(made)
        return self._found

    def _set_range(self, made: Range) -> None:
        if self._found.range is not None:
            raise SqlError("ON of a join takes one range", Code.SYNTAX_ERROR)
        self._found.range = made

    def _within(self, call: Call) -> None:
        length = call.expressions[0] if call.expressions else None
        if not isinstance(length, Duration) or len(call.expressions) not in (1, 3):
            message = "date_diff_within takes an interval and maybe two times: (10s, a.t, b.t)"
            raise SqlError(message, Code.NUMBER_OF_ARGUMENTS)
        left, right, _ = self._times(call.expressions[1:])
        size = _length_ms(length)
        self._set_range(Range(left, right, -size, size))

    def _lag(self, call: Call) -> None:
        length = call.expressions[0] if call.expressions else None
        if not isinstance(length, Duration) or len(call.expressions) not in (1, 3):
            message = "lag_behind takes an interval and maybe two times: (10ms, a.t, b.t)"
            raise SqlError(message, Code.NUMBER_OF_ARGUMENTS)
        left, right, turned = self._times(call.expressions[1:])
        if turned:
            message = "lag_behind takes the time of the left side first"
            raise SqlError(message, Code.BAD_ARGUMENTS)
        self._found.lag = Lag(left, right, _length_ms(length))

    def _inequality(self, part: exp.Expr) -> None:
        ends = [cast("exp.Expr", part.this), cast("exp.Expr", part.args["expression"])]
        op = _OPS[type(part)]
        for at, end in enumerate(ends):
            if _is_difference(end):
                number = _constant(ends[1 - at])
                self._bound(cast("Call", end), op if at == 0 else _TURNED[op], number)
                return
        for first, second in ((0, 1), (1, 0)):
            left = self._of_side(ends[first], 0)
            right = self._of_side(ends[second], 1)
            if left is not None and right is not None:
                turned = op if first == 0 else _TURNED[op]
                self._found.ordered.append((left, turned, right))
                return
        raise SqlError(_EQUALITIES, Code.NOT_IMPLEMENTED)

    def _bound(self, call: Call, op: Op, number: int) -> None:
        """A bound on date_diff(unit, a, b), which in ON means a - b."""
        if len(call.expressions) != 3:
            raise SqlError("date_diff takes a unit and two times", Code.NUMBER_OF_ARGUMENTS)
        unit = _UNITS.get(call.expressions[0].name.lower())
        if unit is None:
            message = "date_diff in ON takes the units millisecond, second, minute, hour and day"
            raise SqlError(message, Code.SYNTAX_ERROR)
        left, right, turned = self._times(call.expressions[1:])
        value = number * FIXED_NS[unit] // FIXED_NS["ms"]
        if turned:
            op, value = _TURNED[op], -value
        bounds = self._bounds.setdefault(f"{left.sql} - {right.sql}", _Bounds(left, right))
        is_open = op in ("<", ">")
        if op in (">", ">="):
            if bounds.low is not None:
                raise SqlError("a range join has one lower bound", Code.SYNTAX_ERROR)
            bounds.low = value, is_open
        else:
            if bounds.high is not None:
                raise SqlError("a range join has one upper bound", Code.SYNTAX_ERROR)
            bounds.high = value, is_open

    def _times(self, given: list[exp.Expr]) -> tuple[Arg, Arg, bool]:
        """The left and the right time, and whether they were given the other way round."""
        ends = given or [exp.column("_tp_time"), exp.column("_tp_time")]
        for first, second in ((0, 1), (1, 0)):
            left = self._of_side(ends[first], 0)
            right = self._of_side(ends[second], 1)
            if left is None or right is None:
                continue
            if not (left.type.inner.is_time and left.type.inner == right.type.inner):
                message = (
                    "the times of a range or lag must be equal in type and scale, not "
                    f"{left.type} and {right.type}; cast one of them"
                )
                raise SqlError(message, Code.TYPE_MISMATCH)
            return left, right, first == 1
        message = "a range or lag takes a time of the left side and one of the right side"
        raise SqlError(message, Code.SYNTAX_ERROR)

    def _across(self, part: exp.Expr) -> tuple[Arg, Arg]:
        ends = [cast("exp.Expr", part.this), cast("exp.Expr", part.args["expression"])]
        for first, second in ((0, 1), (1, 0)):
            left = self._of_side(ends[first], 0)
            right = self._of_side(ends[second], 1)
            if left is not None and right is not None:
                return left, right
        raise SqlError(_EQUALITIES, Code.NOT_IMPLEMENTED)

    def _of_side(self, node: exp.Expr, side: int) -> Arg | None:
        """The expression if it names columns of this side alone, at least one."""
        if not any(isinstance(n, exp.Column) for n in node.walk()):
            return None
        scope = ColumnScope(Names(self._sides[side], {}), self._context)
        scope.calls = self._found.calls[side]
        mark = scope.calls.mark()
        try:
            return Binder(scope).bind(node)
        except SqlError as error:
            scope.calls.reset(mark)
            if error.code == Code.UNKNOWN_IDENTIFIER:
                self._check_known(node)
            return None

    def _check_known(self, node: exp.Expr) -> None:
        """SqlError 47 for a column that neither side has."""
        scope = ColumnScope(Names((*self._sides[0], *self._sides[1]), {}), self._context)
        for column in node.find_all(exp.Column):
            scope.column(column, Binder(scope))


def _is_difference(node: object) -> bool:
    return isinstance(node, Call) and text_of(node) == "date_diff"


def _length_ms(node: Duration) -> int:
    count = _constant(cast("exp.Expr", node.this))
    unit = text_of(node, "unit")
    if unit not in FIXED_NS:
        message = "a range or lag takes intervals of fixed length, not of months and years"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    return span_ms(Span(count, unit))


def _constant(node: exp.Expr) -> int:
    """A whole number as written."""
    if isinstance(node, exp.Paren):
        return _constant(cast("exp.Expr", node.this))
    if isinstance(node, exp.Neg):
        return -_constant(cast("exp.Expr", node.this))
    if isinstance(node, exp.Literal) and node.name.isdigit() and len(node.name) < 16:
        return int(node.name)
    raise SqlError("the bounds of a range join are constant whole numbers", Code.SYNTAX_ERROR)
