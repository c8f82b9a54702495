"""Subqueries inside expressions: evaluated once, so they must be bounded."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.functions.table import Arg
from engine.sql import operators
from engine.sql.context import Context, Item
from engine.sql.logical import Lookup
from engine.sql.relations import is_bounded
from engine.types import nullable

# Subqueries in the expressions of one streaming statement; each is a bounded query at its start.
LOOKUPS_MAX = 16
# Values of one set: its hash table is built anew for every batch, 5 ms at this size (measured).
LOOKUP_VALUES_MAX = 100_000


def bind_subquery(query: exp.Expr, context: Context, probe: Arg | None, *, streaming: bool) -> Arg:
    """One value (NULL without rows), or with `probe` the set on the right side of IN.

    NULLs do not belong to the set. In a streaming query the SQL is the token of a `Lookup`. The
    same place of the text is bound once, however often an alias repeats it.
    """
    kind = str(probe.type) if probe is not None else ""
    settings = tuple(sorted(context.settings.items()))
    key = (id(query), kind, context.bounded, context.views, streaming, settings)
    known = context.budget.subqueries.get(key)
    if known is None:  # the node is kept, or another one might get its id
        known = (query, _bound(query, context, probe, streaming=streaming))
        context.budget.subqueries[key] = known
    return known[1]


def _bound(query: exp.Expr, context: Context, probe: Arg | None, *, streaming: bool) -> Arg:
    from engine.sql.lower_bounded import render_inner

    item = _item(query, context)
    t = item.fields[0].type
    element = "{value}"
    if probe is not None:
        element = operators.probed(Arg("{value}", t), probe)
    if streaming:
        token = _lookup(item, context, element, single=probe is None)
        return Arg(token, nullable(t) if probe is None else t)
    sql = render_inner(item)
    if probe is None:
        return Arg(f"({sql})", nullable(t))
    value = element.replace("{value}", "__v")
    return Arg(f"(SELECT {value} FROM ({sql}) AS __in(__v) WHERE __v IS NOT NULL)", t)


def _item(query: exp.Expr, context: Context) -> Item:
    from engine.sql.select import bind_query

    context.facts.has_subquery = True
    item = bind_query(query, context.deeper())
    if not is_bounded(item.relation):
        message = "a subquery in an expression must be bounded: read its streams by table()"
        raise SqlError(message, Code.NOT_IMPLEMENTED)
    if len(item.fields) != 1:
        raise SqlError("a subquery in an expression gives one column", Code.BAD_ARGUMENTS)
    return item


def _lookup(item: Item, context: Context, element: str, *, single: bool) -> str:
    """The token of a new look-up, whose query gives no more rows than show that it is too large."""
    from engine.sql.lower_bounded import lower_bounded

    lookups = context.facts.lookups
    if len(lookups) >= LOOKUPS_MAX:
        message = f"a streaming query has at most {LOOKUPS_MAX} subqueries in expressions"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    query = lower_bounded(item, context.facts)
    if single:
        sql = f"SELECT * FROM ({query.sql}) AS __one LIMIT 2"
    else:
        sql = (
            f"SELECT DISTINCT __v FROM ({query.sql}) AS __in(__v) WHERE __v IS NOT NULL "
            f"ORDER BY 1 LIMIT {LOOKUP_VALUES_MAX + 1}"
        )
    token = f"{{lookup_{len(lookups)}}}"
    lookups.append(Lookup(token, replace(query, sql=sql), single, element))
    return token
