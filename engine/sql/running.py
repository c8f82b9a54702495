"""Binds functions over the rows that came before: lag, lags, neighbor, row_number, monotonic."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.functions.casts import cast_sql
from engine.functions.table import Arg
from engine.sql.applied import uses_results
from engine.sql.expressions import Binder, Scope
from engine.sql.nodes import Call, child, children, text_of
from engine.sql.plan_parts import Column, Named, Running
from engine.sql.relations import RunningRule, quoted
from engine.types import UINT64, DataType, array, duckdb_type, zero_sql

# name -> least and most arguments.
_COUNTS = {
    "lag": (1, 3),
    "lags": (3, 4),
    "neighbor": (2, 3),
    "row_number": (0, 0),
    "monotonic": (1, 1),
}
RUNNING = frozenset(_COUNTS)
OFFSET_MAX = 10_000  # rows that a function may look back, since so many are kept per substream
_START_MAX = 1 << 62  # of monotonic()
LAGS_MAX = 1_000  # values that one lags() may give


def is_running_call(node: exp.Expr) -> bool:
    """Whether this very node is a call of such a function."""
    return isinstance(node, Call) and text_of(node) in RUNNING


def holds_running(node: exp.Expr) -> bool:
    """Whether such a call stands in the expression."""
    return any(is_running_call(each) for each in node.walk())


class RunningCalls:
    """The calls of one level of a SELECT: over the rows of FROM, or over those of its groups.

    `prefix` makes the names of their columns different from those of other levels. `known`: calls
    of a level below whose columns are there already.
    """

    def __init__(self, prefix: str, known: RunningCalls | None = None) -> None:
        self._prefix = prefix
        self._args: list[Named] = []
        self._functions: list[Running] = []
        self._made: dict[tuple[object, ...], Arg] = dict(known._made) if known else {}

    def __bool__(self) -> bool:
        return bool(self._functions)

    def bind(self, call: Call, scope: Scope) -> Arg:
        """The column of a call; equal calls share one. SqlError 36, 42 or 69 if it makes no
        sense."""
        name = text_of(call)
        if child(call, "filter") is not None or call.args.get("distinct"):
            message = f"{name}() takes neither FILTER nor DISTINCT"
            raise SqlError(message, Code.BAD_ARGUMENTS)
        args = Binder(scope).arguments(call)
        least, most = _COUNTS[name]
        if not least <= len(args) <= most:
            wants = str(least) if least == most else f"{least} to {most}"
            message = f"function {name} takes {wants} argument(s), not {len(args)}"
            raise SqlError(message, Code.NUMBER_OF_ARGUMENTS)
        if name == "row_number":
            return self._column(Running(Column("", UINT64), name), ())
        if name == "monotonic":
            return self._counted(args[0])
        constants = _offsets(name, args)
        kind = "lags" if name == "lags" else "lag"
        t = args[0].type
        fill = _fill(name, children(call, "expressions"), args, t)
        output = Column("", array(t) if kind == "lags" else t)
        return self._column(Running(output, kind, (), constants, fill), args[:1])

    def _column(self, function: Running, args: tuple[Arg, ...]) -> Arg:
        key = (function, *(arg.sql for arg in args))
        found = self._made.get(key)
        if found is not None:
            return found
        name = f"__f{self._prefix}{len(self._functions)}"
        named = tuple(self._argument(arg) for arg in args)
        output = Column(name, function.output.type)
        self._functions.append(
            Running(output, function.name, named, function.constants, function.fill)
        )
        found = Arg(quoted(name), output.type)
        self._made[key] = found
        return found

    def _counted(self, start: Arg) -> Arg:
        """monotonic(n): n for the first row, one more for every row after it."""
        n = start.constant
        if isinstance(n, bool) or not isinstance(n, int) or not 0 <= n < _START_MAX:
            message = f"monotonic() wants a constant whole number from 0, not {start.type}"
            raise SqlError(message, Code.BAD_ARGUMENTS)
        number = self._column(Running(Column("", UINT64), "row_number"), ())
        return Arg(f"CAST({number.sql} + {n} AS UBIGINT)", UINT64)

    def _argument(self, arg: Arg) -> str:
        sql = f"CAST({arg.sql} AS {duckdb_type(arg.type)})"
        for known in self._args:
            if known.sql == sql:
                return known.name
        name = f"__s{self._prefix}{len(self._args)}"
        self._args.append(Named(name, sql, arg.type))
        return name

    def uses_results(self) -> bool:
        """Whether an argument reads the result of a user function."""
        return any(uses_results(named.sql) for named in self._args)

    def mark(self) -> tuple[int, int, int]:
        """What `reset` goes back to."""
        return len(self._args), len(self._functions), len(self._made)

    def reset(self, mark: tuple[int, int, int]) -> None:
        """Forget the calls bound since: their expression was only looked at."""
        del self._args[mark[0] :]
        del self._functions[mark[1] :]
        for key in list(self._made)[mark[2] :]:
            del self._made[key]

    def rule(self, partition: Sequence[Arg]) -> RunningRule:
        """The calls, per substream of these keys."""
        keys = tuple(
            Named(f"__g{self._prefix}{at}", f"CAST({k.sql} AS {duckdb_type(k.type)})", k.type)
            for at, k in enumerate(partition)
        )
        return RunningRule(
            (*self._args, *keys), tuple(self._functions), tuple(k.name for k in keys)
        )


def same_over(nodes: Sequence[exp.Expr], partition: Sequence[exp.Expr]) -> list[exp.Expr]:
    """The keys that form the substreams: of PARTITION BY, or of the OVER clauses in `nodes`.

    SqlError 48 unless all OVER clauses, and PARTITION BY if there is one, have the same keys.
    """
    overs = [
        children(each, "over")
        for node in nodes
        for each in node.walk()
        if isinstance(each, Call) and each.args.get("is_over")
    ]
    given = [list(partition)] if partition else []
    for keys in [*given, *overs]:
        first = (given or overs)[0]
        if list(keys) != list(first):
            message = "all OVER clauses and PARTITION BY of a query must be equal"
            raise SqlError(message, Code.NOT_IMPLEMENTED)
    return (given or overs or [[]])[0]


def _offsets(name: str, args: tuple[Arg, ...]) -> tuple[int, ...]:
    """How many rows back, as 1 or 2 numbers; of neighbor the negative number as written."""
    if name == "lags":
        low, high = _whole(name, args[1]), _whole(name, args[2])
        if not 0 <= low <= high:
            message = f"lags(x, from, to) wants 0 <= from <= to, not {low} and {high}"
            raise SqlError(message, Code.BAD_ARGUMENTS)
        if high - low >= LAGS_MAX:
            message = f"lags() gives at most {LAGS_MAX} values, not {high - low + 1}"
            raise SqlError(message, Code.ARGUMENT_OUT_OF_BOUND)
        return _bounded(name, low), _bounded(name, high)
    if len(args) < 2:
        return (1,)
    offset = _whole(name, args[1])
    if name == "neighbor":
        if offset > 0:
            message = "neighbor() looks at rows that came before: its offset must not be above 0"
            raise SqlError(message, Code.BAD_ARGUMENTS)
        offset = -offset
    if offset < 0:
        message = f"the offset of {name}() must not be below 0, it is {offset}"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    return (_bounded(name, offset),)


def _whole(name: str, arg: Arg) -> int:
    if type(arg.constant) is not int:
        message = f"the offset of {name}() must be a constant whole number"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    return arg.constant


def _bounded(name: str, offset: int) -> int:
    if offset > OFFSET_MAX:
        message = f"{name}() looks back at most {OFFSET_MAX} rows, not {offset}"
        raise SqlError(message, Code.ARGUMENT_OUT_OF_BOUND)
    return offset


def _fill(name: str, nodes: Sequence[exp.Expr], args: tuple[Arg, ...], t: DataType) -> str:
    """SQL of what stands for a row that is not there: the default given, else the type's."""
    at = 3 if name == "lags" else 2
    if len(args) <= at:
        return f"CAST({zero_sql(t)} AS {duckdb_type(t)})"
    if any(isinstance(each, exp.Column) for each in nodes[at].walk()):
        raise SqlError(f"the default of {name}() must be a constant", Code.BAD_ARGUMENTS)
    given = args[at]
    if given.type.inner.name == "nothing":
        return f"CAST({zero_sql(t)} AS {duckdb_type(t)})"
    return f"CAST({cast_sql(given, t).sql} AS {duckdb_type(t)})"
