"""VALUES: rows of constants as DuckDB SQL in the types of their columns."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from engine.errors import SqlError
from engine.functions.casts import cast_sql
from engine.functions.table import Arg
from engine.sql.applied import arguments_of, count_call, number_of, user_function
from engine.sql.context import Context
from engine.sql.expressions import Binder
from engine.sql.lower_bounded import function_sql
from engine.sql.names import ColumnScope, Names
from engine.sql.nodes import Call
from engine.sql.plan_parts import Column
from engine.sql.relations import quoted
from engine.sql.values import common_type
from engine.types import DataType, duckdb_type, integer_range, zero_sql


class _Cells(ColumnScope):
    """No columns; a user function is called where it stands, as each row is one of its own."""

    def apply(self, node: Call, binder: Binder) -> Arg:
        """The call itself."""
        function = user_function(node, self.context)
        named = arguments_of(function, binder.arguments(node))
        count_call(self.context)
        args = ", ".join(each.sql for each in named)
        number = number_of(function, self.context)
        return Arg(function_sql(function, number, args), function.returns)


def values_rows(
    rows: list[list[exp.Expr]],
    names: tuple[str, ...],
    columns: tuple[Column, ...] | None,
    context: Context,
    passed: Callable[[list[Arg], list[str], DataType], tuple[list[str], DataType]] | None = None,
) -> tuple[str, tuple[Column, ...]]:
    """DuckDB SQL of constant rows, and their columns; types given or found.

    `passed` may put the cells of a column into another type (`engine.sql.narrowing`).
    """
    binder = Binder(_Cells(Names((), {}), context))
    bound = [[binder.bind(cell) for cell in row] for row in rows]
    if columns is None:
        types = [common_type([row[at] for row in bound]) for at in range(len(names))]
        columns = tuple(Column(n, t) for n, t in zip(names, types, strict=True))
    if len(columns) != len(bound[0]):
        raise SqlError(f"rows have {len(bound[0])} values for {len(columns)} columns", 36)
    table: list[list[str]] = []
    found: list[Column] = []
    for column, *cells in zip(columns, *bound, strict=True):
        sql, t = [_cell(arg, column.type) for arg in cells], column.type
        if passed is not None:
            sql, t = passed(cells, sql, t)
        table.append(sql)
        found.append(Column(column.name, t))
    columns = tuple(found)
    lines = [f"({', '.join(row)})" for row in zip(*table, strict=True)]
    heads = ", ".join(quoted(c.name) for c in columns)
    return f"SELECT * FROM (VALUES {', '.join(lines)}) AS __v({heads})", columns


def _cell(arg: Arg, t: DataType) -> str:
    """A value in a column's type; NULL in a column that is not nullable is its zero."""
    if isinstance(arg.constant, str) and t.name == "string":
        return arg.sql
    if type(arg.constant) is int and t.is_integer and not t.is_wide_integer:
        least, most = integer_range(t)
        if least <= arg.constant <= most:
            return f"CAST({arg.constant} AS {duckdb_type(t)})"
    if arg.type.inner.name == "nothing" and not t.is_nullable:
        return zero_sql(t)
    return f"CAST({cast_sql(arg, t).sql} AS {duckdb_type(t)})"
