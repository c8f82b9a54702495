"""Binds calls of user functions, and where they stand among the relations of a SELECT."""

from __future__ import annotations

import re

from engine.errors import Code, SqlError
from engine.functions.casts import cast_sql
from engine.functions.table import Arg
from engine.sql.context import Context
from engine.sql.nodes import Call, text_of
from engine.sql.plan_parts import Named
from engine.sql.relations import Called, Filtered, FunctionCall, Relation, Windowed, quoted
from engine.types import DataType, duckdb_type
from engine.udf.definition import Function, function_of

# Calls of one statement; each costs a pass over every batch.
CALLS_MAX = 256
_RUNNING = re.compile(r'"__f[a-z]\d+_\d+"')  # columns of `engine.sql.running`
_RESULT = re.compile(r'"__u\d+"')


class FunctionCalls:
    """The calls of one level of a SELECT: over the rows of FROM, or over those of its groups."""

    def __init__(self, known: FunctionCalls | None = None) -> None:
        """`known`: calls of a level below, whose columns are there already."""
        self.calls: list[FunctionCall] = []
        self._made: dict[tuple[object, ...], Arg] = dict(known._made) if known else {}

    def __bool__(self) -> bool:
        return bool(self.calls)

    def bind(self, call: Call, args: tuple[Arg, ...], context: Context) -> Arg:
        """The column of a call; equal calls share one. SqlError 42 and 43 for wrong arguments."""
        function = user_function(call, context)
        named = arguments_of(function, args)
        key = (function, *(each.sql for each in named))
        found = self._made.get(key)
        if found is None:
            number = count_call(context)
            at = number_of(function, context)
            self.calls.append(FunctionCall(f"__u{number}", function, named, at))
            found = self._made[key] = Arg(quoted(f"__u{number}"), function.returns)
        return found

    def mark(self) -> tuple[int, int]:
        """What `reset` goes back to."""
        return len(self.calls), len(self._made)

    def reset(self, mark: tuple[int, int]) -> None:
        """Forget the calls bound since: their expression was only looked at."""
        del self.calls[mark[0] :]
        for key in list(self._made)[mark[1] :]:
            del self._made[key]


def count_call(context: Context) -> int:
    """The number of one more call of the statement; SqlError 36 beyond the bound."""
    number = context.budget.calls
    context.budget.calls += 1
    if number >= CALLS_MAX:
        message = f"a statement calls user functions at most {CALLS_MAX} times"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    return number


def user_function(call: Call, context: Context) -> Function:
    """The function of a marked call; SqlError 46 if it is gone."""
    name = text_of(call)
    definition = context.functions(name)
    if definition is None:
        raise SqlError(f"function {name} does not exist", Code.UNKNOWN_FUNCTION)
    return function_of(definition)


def number_of(function: Function, context: Context) -> int:
    """The function's number in the statement."""
    applied = context.facts.applied
    if function not in applied:
        applied.append(function)
    return applied.index(function)


def arguments_of(function: Function, args: tuple[Arg, ...]) -> tuple[Named, ...]:
    """The arguments in the function's types."""
    wanted = function.arguments
    if len(args) != len(wanted):
        message = f"function {function.name} takes {len(wanted)} argument(s), not {len(args)}"
        raise SqlError(message, Code.NUMBER_OF_ARGUMENTS)
    named: list[Named] = []
    for at, (arg, column) in enumerate(zip(args, wanted, strict=True)):
        named.append(Named(f"a{at}", _converted(function, at, arg, column.type), column.type))
    return tuple(named)


def _converted(function: Function, at: int, arg: Arg, target: DataType) -> str:
    kind = duckdb_type(target)
    if arg.lambda_names or _unlike(arg.type, target):
        message = f"argument {at + 1} of function {function.name} must be {target}, not {arg.type}"
        raise SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT)
    if arg.type.inner == target.inner:
        return f"CAST({arg.sql} AS {kind})"
    try:
        return f"CAST({cast_sql(arg, target).sql} AS {kind})"
    except SqlError as error:
        if error.code in (Code.CANNOT_PARSE_TEXT, Code.ARGUMENT_OUT_OF_BOUND):
            raise
        message = f"argument {at + 1} of function {function.name} must be {target}, not {arg.type}"
        raise SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT) from None


_CONTAINERS = ("array", "map", "tuple")


def _unlike(given: DataType, target: DataType) -> bool:
    """Whether one of the types is a container and the other is none, or another."""
    names = (given.inner.name, target.inner.name)
    if names[0] == "nothing":
        return False
    return names[0] != names[1] and any(name in _CONTAINERS for name in names)


def uses_results(sql: str) -> bool:
    """Whether a fragment reads the result of a user function."""
    return bool(_RESULT.search(sql))


def called(relation: Relation | None, calls: list[FunctionCall]) -> Relation:
    """The relation with the calls' columns, below the window of an aggregation over it."""
    if isinstance(relation, Windowed) and relation.aggregated:
        window = ('"window_start"', '"window_end"')
        if any(name in arg.sql for c in calls for arg in c.args for name in window):
            message = (
                f"function {calls[0].function.name} below a window aggregation cannot use "
                "window_start or window_end: call it over the result"
            )
            raise SqlError(message, Code.NOT_IMPLEMENTED)
        inner = Called(relation.input, tuple(calls))
        return Windowed(inner, relation.spec, relation.time, aggregated=True)
    return Called(relation, tuple(calls))


def called_after_where(
    relation: Relation | None, where: str, calls: list[FunctionCall], *, aggregated: bool
) -> tuple[Relation, str]:
    """The calls over the rows that WHERE lets through; what is left to filter by.

    A window takes its watermark from all rows, so there they are over all rows.
    """
    if aggregated and isinstance(relation, Windowed):
        return called(relation, calls), where
    if where and relation is not None:
        relation, where = Filtered(relation, where), ""
    return Called(relation, tuple(calls)), where


def refuse_mixed(calls: list[FunctionCall]) -> None:
    """SqlError 48: lag() and its kin are over results of functions, so none is over theirs."""
    for call in calls:
        if any(_RUNNING.search(arg.sql) for arg in call.args):
            message = (
                f"function {call.function.name} is called over lag() or its kin, while others of "
                "these are over the result of a function: put one of them into a subquery"
            )
            raise SqlError(message, Code.NOT_IMPLEMENTED)


def holds_calls(relation: Relation | None) -> bool:
    """Whether user functions are called right below: their columns are not to be inlined."""
    here = relation
    while isinstance(here, Filtered):
        here = here.input
    return isinstance(here, Called)
