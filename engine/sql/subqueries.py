"""Subqueries inside expressions: evaluated once, so they must be bounded."""

from __future__ import annotations

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.functions.table import Arg
from engine.sql.context import Context
from engine.sql.relations import is_bounded
from engine.types import nullable


def bind_subquery(query: exp.Expr, context: Context, *, single: bool) -> Arg:
    """One value, or the list of IN, as SQL in parentheses with the type of its column."""
    from engine.sql.lower_bounded import render_inner
    from engine.sql.select import bind_query

    context.facts.has_subquery = True
    item = bind_query(query, context.deeper())
    if not is_bounded(item.relation):
        message = "a subquery in an expression must be bounded: read its streams by table()"
        raise SqlError(message, Code.NOT_IMPLEMENTED)
    if len(item.fields) != 1:
        raise SqlError("a subquery in an expression gives one column", Code.BAD_ARGUMENTS)
    sql = render_inner(item)
    t = item.fields[0].type
    return Arg(f"({sql})", nullable(t) if single else t)
