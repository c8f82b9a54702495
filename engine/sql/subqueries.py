"""Subqueries inside expressions: evaluated once, so they must be bounded."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.functions.casts import cast_sql
from engine.functions.comparing import probed
from engine.functions.render import struct_sql
from engine.functions.table import Arg
from engine.sql.context import Context, Item
from engine.sql.logical import Lookup
from engine.sql.names import use
from engine.sql.relations import Field, is_bounded
from engine.type_promotion import supertype
from engine.types import duckdb_type, nullable, tuple_of

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

    item = _item(query, context, probe)
    t = item.fields[0].type
    element = "{value}"
    if probe is not None and t.inner.name == "tuple":
        common = supertype(t.inner, probe.type.inner)
        element = cast_sql(Arg("{value}", t), common).sql
        t = common
    elif probe is not None:
        element = probed(Arg("{value}", t), probe)
    if streaming:
        token = _lookup(item, context, element, single=probe is None)
        return Arg(token, nullable(t) if probe is None else t)
    sql = render_inner(item)
    if probe is None:
        return Arg(f"({sql})", nullable(t))
    value = element.replace("{value}", "__v")
    return Arg(f"(SELECT {value} FROM ({sql}) AS __in(__v) WHERE __v IS NOT NULL)", t)


def _item(query: exp.Expr, context: Context, probe: Arg | None) -> Item:
    from engine.sql.select import bind_query

    context.facts.has_subquery = True
    item = bind_query(query, context.deeper())
    if not is_bounded(item.relation):
        message = "a subquery in an expression must be bounded: read its streams by table()"
        raise SqlError(message, Code.NOT_IMPLEMENTED)
    columns = len(item.fields)
    if probe is not None and columns > 1 and columns == len(probe.type.inner.args):
        return Item(item.relation, (_as_tuple(item.fields),))
    if columns != 1:
        raise SqlError("a subquery in an expression gives one column", Code.BAD_ARGUMENTS)
    return item


def _as_tuple(fields: tuple[Field, ...]) -> Field:
    """`(a, b) IN (SELECT x, y ...)`: the columns as one."""
    t = tuple_of(tuple(field.type for field in fields))
    parts = (f"CAST({use(field).sql} AS {duckdb_type(field.type)})" for field in fields)
    uses = tuple(each for field in fields for each in field.uses)
    return Field("__in", t, struct_sql(t.field_names, tuple(parts)), uses=uses)


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
