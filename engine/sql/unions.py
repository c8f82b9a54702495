"""Set operations: UNION is UNION ALL; the others only over bounded queries."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.sql.context import Context, Item
from engine.sql.nodes import child, children, emit_of
from engine.sql.plan_parts import Named
from engine.sql.relations import Field, Selected, UnionOf, is_bounded, quoted
from engine.sql.select import aligned, bind_query, constant_count, union_columns

_WORDS: dict[type[exp.Expr], str] = {
    exp.Union: "UNION ALL",
    exp.Except: "EXCEPT",
    exp.Intersect: "INTERSECT",
}


def bind_set_operation(query: exp.SetOperation, context: Context) -> Item:
    """UNION [ALL | DISTINCT], INTERSECT, EXCEPT."""
    kind: type[exp.Expr] = type(query)
    operation = _WORDS[kind]
    if kind is exp.Union and query.args.get("distinct"):
        operation = "UNION"
    context.facts.has_union = context.facts.has_union or kind is exp.Union
    items = [bind_query(side, context.deeper()) for side in _sides(query, operation)]
    columns = union_columns(items)
    relation = UnionOf(tuple(aligned(item, columns) for item in items), columns, operation)
    bounded = is_bounded(relation)
    if operation != "UNION ALL" and not bounded:
        message = f"{operation} of streams is not supported; UNION ALL is"
        raise SqlError(message, Code.NOT_IMPLEMENTED)
    if emit_of(query) is not None and not bounded:
        raise SqlError("EMIT belongs to a SELECT, not to a UNION", Code.INCORRECT_QUERY)
    fields = tuple(Field(c.name, c.type, quoted(c.name)) for c in columns)
    fields = tuple(
        replace(f, origin=tuple(o for item in items for o in item.fields[at].origin))
        for at, f in enumerate(fields)
    )
    tail = ("order", "limit", "offset", "limit_by")
    if not any(query.args.get(key) for key in tail):
        return Item(relation, fields)
    order: list[str] = []
    for item in children(query, "order"):
        name = cast("exp.Expr", item.this).name
        if name not in {c.name for c in columns}:
            raise SqlError("ORDER BY of a UNION takes columns of its result", Code.NOT_IMPLEMENTED)
        direction = "DESC" if item.args.get("desc") else "ASC"
        order.append(f"{quoted(name)} {direction} NULLS LAST")
    if query.args.get("limit_by"):
        raise SqlError("LIMIT BY of a UNION is not supported", Code.NOT_IMPLEMENTED)
    named = tuple(Named(c.name, quoted(c.name), c.type) for c in columns)
    selected = Selected(
        relation,
        "",
        None,
        named,
        order=tuple(order),
        limit=constant_count(child(query, "limit"), "LIMIT", -1),
        offset=constant_count(child(query, "offset"), "OFFSET", 0),
    )
    return Item(selected, fields)


def _sides(query: exp.SetOperation, operation: str) -> list[exp.Expr]:
    """Operands; a left-deep chain of the same plain UNION is taken at once."""
    sides: list[exp.Expr] = []
    here: exp.Expr = query
    while type(here) is type(query):
        tail = ("order", "limit", "offset", "limit_by", "with_", "settings")
        if here is not query and any(here.args.get(key) for key in tail):
            break
        if bool(here.args.get("distinct")) != bool(query.args.get("distinct")):
            break
        if operation in ("EXCEPT", "INTERSECT") and sides:
            break
        sides.append(cast("exp.Expr", here.args["expression"]))
        here = cast("exp.Expr", here.this)
    sides.append(here)
    return list(reversed(sides))
