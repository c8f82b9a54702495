"""Binds scalar expressions: syntax nodes to DuckDB SQL with dialect types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

from sqlglot import exp

from engine.errors import Code, SqlError, UserError
from engine.functions.build import wrapped
from engine.functions.registry import scalar
from engine.functions.table import MISSING, SEED, Arg
from engine.functions.variates import drawn_type
from engine.sql import containers, forms, operators
from engine.sql.nodes import (
    Call,
    ColumnsMatching,
    Duration,
    JsonPath,
    MapLiteral,
    ViewParameter,
    text_of,
)
from engine.sql.places import locate
from engine.sql.relations import quoted
from engine.sql.seek import EARLIEST
from engine.sql.text import BINARY
from engine.sql.times import FIXED_NS, MONTHS, TYPE_OF_UNIT
from engine.sql.values import text_literal
from engine.type_parser import parse_type
from engine.types import (
    BOOL,
    FLOAT64,
    NULL,
    DataType,
    datetime64,
    zero_sql,
)

_INTERVAL_FUNCTIONS = {
    "ms": "to_milliseconds",
    "s": "to_seconds",
    "m": "to_minutes",
    "h": "to_hours",
    "d": "to_days",
    "w": "to_weeks",
    "M": "to_months",
    "q": "to_quarters",
    "y": "to_years",
    "us": "to_microseconds",
}
SQL_CHARS_MAX = 1 << 20  # of one bound expression
CHAIN_MAX = 64  # operands of a chain that is bound from left to right
_ASSOCIATIVE = frozenset(("+", "*", "||"))
_SHIFTS = ("date_add", "date_sub", "timestamp_add")
_UNIT_FUNCTIONS = ("date_diff", "date_add", "date_sub", "date_trunc", "age", "timestamp_add")


class Scope(Protocol):
    """What an expression may refer to."""

    def intercept(self, node: exp.Expr, binder: Binder) -> Arg | None:
        """The whole of `node`, if this scope knows it (a group key, an aggregate); else None."""
        ...

    def column(self, node: exp.Column, binder: Binder) -> Arg:
        """A column or alias; raises SqlError 47 or 215."""
        ...

    def call(self, node: Call, binder: Binder) -> Arg | None:
        """A call that only this scope understands (aggregates, emit_version); else None."""
        ...

    def apply(self, node: Call, binder: Binder) -> Arg:
        """The column of a call of a user function; SqlError 48 where there is no place for it."""
        ...

    def json_holder(self, node: exp.Column, binder: Binder) -> Arg | None:
        """In `a.b`, the JSON column or alias `a`; None if `a` is anything else."""
        ...

    def site(self, node: exp.Expr) -> int:
        """A number of this call in the statement."""
        ...

    def with_query(self, name: str) -> exp.Expr | None:
        """A SELECT of all rows of a query in WITH, if no column has this name."""
        ...

    def subquery(self, query: exp.Expr, probe: Arg | None = None) -> Arg:
        """SQL of a bounded subquery: its only value, or the set that IN looks `probe` up in."""
        ...


class Binder:
    """Binds expressions in one scope; keeps the names of the lambdas it is inside of."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._locals: list[dict[str, DataType]] = []

    def bind(self, node: exp.Expr) -> Arg:
        """The expression's SQL and type. SqlError 62 when the SQL grows beyond measure.

        Some forms write an operand twice; nested deeply enough that would double and double.
        """
        try:
            arg = self._bound(node)
        except UserError as error:
            locate(error, node)
            raise
        if len(arg.sql) > SQL_CHARS_MAX:
            raise SqlError("the expression is too large")
        return arg

    def _bound(self, node: exp.Expr) -> Arg:
        if not self._locals:
            found = self.scope.intercept(node, self)
            if found is not None:
                return found
        symbol = BINARY.get(type(node))
        if symbol in (">", ">=") and _is_earliest(node.args.get("expression")):
            # The planner has rewound the scan; every row is later than the beginning.
            left = self.bind(cast("exp.Expr", node.this))
            return Arg(f"({wrapped(left.sql)} IS NOT NULL)", BOOL)
        if symbol in ("and", "or"):
            return self._chain(node, symbol)
        if symbol is not None:
            return self._binary_chain(node)
        handler = _HANDLERS.get(type(node))
        if handler is None:
            what = type(node).__name__.lower()
            raise SqlError(f"{what} is not supported in an expression", Code.NOT_IMPLEMENTED)
        return handler(self, node)

    def condition(self, node: exp.Expr) -> str:
        """SQL of a condition."""
        return operators.condition(self.bind(node))

    def local(self, name: str) -> DataType | None:
        """Type of a lambda's argument in scope."""
        for names in reversed(self._locals):
            if name in names:
                return names[name]
        return None

    def _chain(self, node: exp.Expr, symbol: str) -> Arg:
        """a AND b AND c ... in a loop: such chains may be thousands long."""
        parts: list[Arg] = []
        here = node
        while type(here) is type(node):
            parts.append(self.bind(cast("exp.Expr", here.args["expression"])))
            here = cast("exp.Expr", here.this)
        parts.append(self.bind(here))
        return operators.logical(symbol, tuple(reversed(parts)))

    def _binary_chain(self, node: exp.Expr) -> Arg:
        """Left-deep chains of one operator, in a loop."""
        rights: list[exp.Expr] = []
        here = node
        while type(here) is type(node):
            rights.append(cast("exp.Expr", here.args["expression"]))
            here = cast("exp.Expr", here.this)
        symbol = BINARY[type(node)]
        if symbol in _ASSOCIATIVE and len(rights) >= CHAIN_MAX:
            operands = [self.bind(here), *(self.bind(right) for right in reversed(rights))]
            return _balanced(symbol, operands)
        result = self.bind(here)
        for right in reversed(rights):
            result = operators.binary(symbol, result, self.bind(right))
        return result

    # -- calls -----------------------------------------------------------------------------------

    def call(self, node: exp.Expr) -> Arg:
        """A function call."""
        call = cast("Call", node)
        name = text_of(call)
        special = _SPECIAL.get(name)
        if special is not None:
            return special(self, call)
        found = self.scope.call(call, self)
        if found is not None:
            return found
        if call.args.get("user"):
            return self._applied(call)
        entry = scalar(name)
        if entry is None:
            raise SqlError(f"function {name} does not exist", Code.UNKNOWN_FUNCTION)
        if call.args.get("filter") is not None or call.args.get("is_over"):
            message = f"FILTER and OVER belong to aggregates, {name} is none"
            raise SqlError(message, Code.BAD_ARGUMENTS)
        args = self.arguments(call)
        if not entry.args_min <= len(args) <= entry.args_max:
            wants = _count(entry.args_min, entry.args_max)
            message = f"function {name} takes {wants} argument(s), not {len(args)}"
            raise SqlError(message, Code.NUMBER_OF_ARGUMENTS)
        bound = entry.render(args)
        sql = bound.sql
        if entry.volatile and SEED in sql:  # another stream of random values at each call site
            site = self.scope.site(call)
            sql = sql.replace(SEED, f"xor(CAST({SEED} AS UBIGINT), {site}::UBIGINT)")
        return Arg(sql, bound.type)

    def _applied(self, call: Call) -> Arg:
        """A call of a user function that is no SQL one: a column that the scope computes."""
        name = text_of(call)
        if self._locals:
            message = (
                f"function {name} cannot be called in a lambda, since its arguments are columns: "
                "declare it for an array and call it over the whole one, or over array_join(...) "
                "in a subquery"
            )
            raise SqlError(message, Code.NOT_IMPLEMENTED)
        if call.args.get("filter") is not None or call.args.get("is_over"):
            message = f"FILTER and OVER belong to aggregates, {name} is none"
            raise SqlError(message, Code.BAD_ARGUMENTS)
        return self.scope.apply(call, self)

    def arguments(self, call: Call) -> tuple[Arg, ...]:
        """Bound arguments; lambdas after the rest, because their types come from it."""
        nodes = list(call.expressions)
        name = text_of(call)
        # date_add(d, interval 1 day): of two arguments the first is the time, a column.
        of_unit = name in _UNIT_FUNCTIONS and (len(nodes) > 2 or name not in _SHIFTS)
        if of_unit and nodes and _is_unit(nodes[0]):
            nodes[0] = exp.Literal.string(nodes[0].name.lower())
        plain = {
            at: self.bind(node)
            for at, node in enumerate(nodes)
            if not isinstance(node, exp.Lambda | exp.Alias)
        }
        args: list[Arg] = []
        for at, node in enumerate(nodes):
            if isinstance(node, exp.Lambda):
                others = list(plain.values())
                if name == "random_in_type" and others and isinstance(others[0].constant, str):
                    others = [Arg("", drawn_type(parse_type(others[0].constant)))]
                args.append(self._lambda(node, others))
            elif isinstance(node, exp.Alias):
                args.append(self.bind(cast("exp.Expr", node.this)))
            else:
                args.append(plain[at])
        return tuple(args)

    def _lambda(self, node: exp.Lambda, others: list[Arg]) -> Arg:
        """Types of the names: elements of the arrays; what is no array (a start value) first."""
        names = [name.name for name in node.expressions]
        types: list[DataType] = []
        elements: list[DataType] = []
        for other in others:
            inner = other.type.inner
            if inner.name == "array":
                elements.append(inner.args[0])
            elif inner.name == "map":
                elements.extend(inner.args)
            else:
                types.append(inner)
        types = types[: max(0, len(names) - len(elements))] + elements
        if len(types) < len(names):
            raise SqlError("the lambda has more arguments than arrays", Code.BAD_ARGUMENTS)
        self._locals.append(dict(zip(names, types, strict=False)))
        try:
            body = self.bind(cast("exp.Expr", node.this))
        finally:
            self._locals.pop()
        return Arg(body.sql, body.type, lambda_names=tuple(names))


def _balanced(symbol: str, operands: list[Arg]) -> Arg:
    """A long chain as a tree of logarithmic depth: DuckDB refuses expressions 1000 deep.

    Long chains of integers are 64 bits wide either way, and texts the same; only sums of floats
    may be rounded otherwise.
    """
    while len(operands) > 1:
        pairs = zip(operands[::2], operands[1::2], strict=False)
        odd = operands[len(operands) // 2 * 2 :]
        operands = [operators.binary(symbol, a, b) for a, b in pairs] + odd
    return operands[0]


def _count(least: int, most: int) -> str:
    if least == most:
        return str(least)
    return f"at least {least}" if most >= 1000 else f"{least} to {most}"


def _is_unit(node: exp.Expr) -> bool:
    from engine.sql.dialect import UNITS

    plain = isinstance(node, exp.Column) and not node.args.get("table")
    return plain and node.name.lower() in UNITS


# -- leaves -------------------------------------------------------------------------------------


def _literal(binder: Binder, node: exp.Expr) -> Arg:
    if node.args.get("is_string"):
        return text_literal(text_of(node))
    text = text_of(node)
    try:
        if text.lower().startswith("0x"):
            return operators.number(int(text, 16))
        return operators.number(int(text) if text.isdigit() else float(text))
    except ValueError:
        raise SqlError(f"cannot read the number {text[:50]}", Code.SYNTAX_ERROR) from None


def _column(binder: Binder, node: exp.Expr) -> Arg:
    column = cast("exp.Column", node)
    if isinstance(column.this, exp.Star):
        raise SqlError("* stands alone in a select list or in count(*)", Code.SYNTAX_ERROR)
    table = text_of(column, "table")
    local = binder.local(table or column.name)
    if local is not None:
        arg = Arg(quoted(table or column.name), local)
        return containers.field_of(arg, column.name) if table else arg
    if not table and column.name.lower() in _FLOAT_NAMES:
        return _float_name(binder, column)
    return binder.scope.column(column, binder)


_FLOAT_NAMES = ("nan", "inf", "infinity")


def _float_name(binder: Binder, column: exp.Column) -> Arg:
    """A column of that name, else the float."""
    try:
        return binder.scope.column(column, binder)
    except SqlError as error:
        if error.code != Code.UNKNOWN_IDENTIFIER:
            raise
    return Arg(f"CAST('{column.name.lower()}' AS DOUBLE)", FLOAT64)


def _star(binder: Binder, node: exp.Expr) -> Arg:
    raise SqlError("* stands alone in a select list or in count(*)", Code.SYNTAX_ERROR)


def _duration(binder: Binder, node: exp.Expr) -> Arg:
    unit = text_of(node, "unit")
    result = DataType(TYPE_OF_UNIT[unit])
    count = binder.bind(cast("exp.Expr", node.this))
    if not (count.type.is_integer or count.type.is_numeric):
        raise SqlError(f"an interval wants a number, not {count.type}", Code.BAD_ARGUMENTS)
    constant = count.constant if isinstance(count.constant, int) else MISSING
    nanos = constant * FIXED_NS[unit] if isinstance(constant, int) and unit in FIXED_NS else MISSING
    if unit == "ns":
        return Arg(f"CAST({count.sql} AS BIGINT)", result, nanos)
    kind = "INTEGER" if unit in MONTHS or unit in "dw" else "BIGINT"
    if unit in ("ms", "s"):
        kind = "DOUBLE"
    function = _INTERVAL_FUNCTIONS[unit]
    if isinstance(constant, int):
        return Arg(f"{function}({constant})", result, nanos)
    return Arg(f"{function}(CAST({count.sql} AS {kind}))", result, nanos)


def _subquery(binder: Binder, node: exp.Expr) -> Arg:
    return binder.scope.subquery(cast("exp.Expr", node.this))


def _columns_matching(binder: Binder, node: exp.Expr) -> Arg:
    raise SqlError("columns('...') stands alone in a select list", Code.SYNTAX_ERROR)


def _untimely_lambda(binder: Binder, node: exp.Expr) -> Arg:
    raise SqlError("a lambda stands only as an argument", Code.SYNTAX_ERROR)


# -- functions that need more than their arguments -----------------------------------------------


def _is_earliest(node: exp.Expr | None) -> bool:
    return isinstance(node, Call) and text_of(node) in EARLIEST


def _earliest(binder: Binder, call: Call) -> Arg:
    """The epoch; in a comparison with `_tp_time` it means the beginning of the stream."""
    if len(call.expressions) > 1:
        message = f"function {text_of(call)} takes a time zone at most"
        raise SqlError(message, Code.NUMBER_OF_ARGUMENTS)
    zone = call.expressions[0] if call.expressions else None
    if zone is not None and not (isinstance(zone, exp.Literal) and zone.is_string):
        raise SqlError("the time zone must be a text", Code.ILLEGAL_TYPE_OF_ARGUMENT)
    t = datetime64(3, zone.name if zone is not None else "")
    return Arg(zero_sql(t), t)


def _of_joins(binder: Binder, call: Call) -> Arg:
    message = f"function {text_of(call)} belongs into ON of a join of two streams"
    raise SqlError(message, Code.NOT_IMPLEMENTED)


def _dictionary(binder: Binder, call: Call) -> Arg:
    message = (
        f"function {text_of(call)} looks into a dictionary, and there are none here: "
        "join table(stream) of a keyed stream instead"
    )
    raise SqlError(message, Code.NOT_IMPLEMENTED)


def _untimely_untuple(binder: Binder, call: Call) -> Arg:
    raise SqlError("untuple() stands alone in a select list", Code.SYNTAX_ERROR)


def _of_scope(binder: Binder, call: Call) -> Arg:
    """A function over the rows before, of which only a SELECT knows."""
    found = binder.scope.call(call, binder)
    if found is None:
        message = f"function {text_of(call)} is not allowed here"
        raise SqlError(message, Code.NOT_IMPLEMENTED)
    return found


_DICTIONARIES = "dict_get dict_get_or_default dict_get_or_null dict_has"
_SPECIAL: dict[str, Callable[[Binder, Call], Arg]] = {
    "earliest_ts": _earliest,
    "earliest_timestamp": _earliest,
    **dict.fromkeys(("lag", "lags", "neighbor", "row_number", "monotonic"), _of_scope),
    "untuple": _untimely_untuple,
    **dict.fromkeys(("date_diff_within", "lag_behind"), _of_joins),
    **dict.fromkeys(_DICTIONARIES.split(), _dictionary),
}
ENGINE_FUNCTIONS = frozenset(_SPECIAL)


def _view_parameter(binder: Binder, node: exp.Expr) -> Arg:
    if not node.args.get("sample"):
        message = f"{{{node.name}:...}} is a parameter and belongs into CREATE VIEW"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    t = parse_type(text_of(cast("exp.Expr", node.args["to"])))
    return Arg(zero_sql(t), t)


_HANDLERS: dict[type[exp.Expr], Callable[[Binder, exp.Expr], Arg]] = {
    exp.Literal: _literal,
    exp.Null: lambda b, n: Arg("NULL", NULL, None),
    exp.Boolean: lambda b, n: Arg("true" if n.this else "false", BOOL, bool(n.this)),
    exp.Column: _column,
    exp.Star: _star,
    exp.Paren: forms.bind_paren,
    exp.Neg: forms.bind_neg,
    exp.Not: forms.bind_not,
    exp.Between: forms.bind_between,
    exp.In: forms.bind_in,
    exp.Is: forms.bind_is,
    exp.Like: forms.bind_like,
    exp.ILike: forms.bind_like,
    exp.Case: forms.bind_case,
    exp.Cast: forms.bind_cast,
    exp.Array: containers.bind_array,
    exp.Tuple: containers.bind_tuple,
    exp.Bracket: containers.bind_bracket,
    exp.Dot: containers.bind_dot,
    exp.Subquery: _subquery,
    exp.Lambda: _untimely_lambda,
    Call: Binder.call,
    Duration: _duration,
    JsonPath: containers.bind_json_path,
    MapLiteral: containers.bind_map,
    ColumnsMatching: _columns_matching,
    ViewParameter: _view_parameter,
}
