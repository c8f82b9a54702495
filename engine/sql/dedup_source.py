"""Binds dedup(x, key, ... [, ttl] [, limit]) and rowify(x) in FROM."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.sql.context import Context, Item
from engine.sql.expressions import Binder
from engine.sql.names import ColumnScope, Names
from engine.sql.nodes import Call
from engine.sql.plan_parts import Named
from engine.sql.relations import Deduped, Relation, Renamed, Rowified, quoted
from engine.sql.times import span_ms
from engine.sql.windows import span_of
from engine.types import duckdb_type

LIMIT_DEFAULT = 10_000
LIMIT_MAX = 100_000_000


def bind_dedup(call: Call, item: Item, context: Context) -> Item:
    """The first row of every key. SqlError 36 or 42 for arguments that make no sense."""
    nodes, ttl_ms, limit = _settings(list(call.expressions[1:]))
    if not nodes:
        raise SqlError("dedup() wants a source and at least one key", Code.NUMBER_OF_ARGUMENTS)
    columns: list[Named] = []
    fields = []
    for at, field in enumerate(item.fields):
        name = f"__d{at}"
        sql = f"CAST({field.sql} AS {duckdb_type(field.type)})"
        columns.append(Named(name, field.sql if _plain(field.sql) else sql, field.type))
        fields.append(replace(field, sql=quoted(name)))
    uses = [field.uses for field in item.fields]
    binder = Binder(ColumnScope(Names(item.fields, {}), context))
    keys: list[str] = []
    for node in nodes:
        arg = binder.bind(node)
        known = next((c.name for c in columns if c.sql == arg.sql), None)
        if known is None:
            known = f"__d{len(columns)}"
            sql = f"CAST({arg.sql} AS {duckdb_type(arg.type)})"
            columns.append(Named(known, sql, arg.type))
            uses.append(())
        keys.append(known)
    source = Renamed(cast("Relation", item.relation), tuple(columns), tuple(uses))
    return Item(Deduped(source, tuple(keys), ttl_ms, limit), tuple(fields))


def bind_rowify(call: Call, item: Item) -> Item:
    """Every row an append of its own."""
    if len(call.expressions) != 1:
        raise SqlError("rowify() takes one argument", Code.NUMBER_OF_ARGUMENTS)
    return Item(Rowified(cast("Relation", item.relation)), item.fields)


def _plain(sql: str) -> bool:
    return sql.startswith('"') and sql.endswith('"') and sql.count('"') == 2


def _settings(nodes: list[exp.Expr]) -> tuple[list[exp.Expr], int, int]:
    """The keys, the ttl in ms (0 = none) and the limit, which stand last in this order."""
    ttl_ms, limit = 0, LIMIT_DEFAULT
    last = nodes[-1] if nodes else None
    if isinstance(last, exp.Literal) and not last.is_string:
        if not last.name.isdigit() or not 1 <= int(last.name) <= LIMIT_MAX:
            message = f"the limit of dedup() must be 1 to {LIMIT_MAX} keys"
            raise SqlError(message, Code.BAD_ARGUMENTS)
        limit = int(last.name)
        nodes = nodes[:-1]
    span = span_of(nodes[-1]) if nodes else None
    if span is not None:
        if span.count < 0:
            raise SqlError("the ttl of dedup() must not be below 0", Code.BAD_ARGUMENTS)
        ttl_ms = span_ms(span)
        nodes = nodes[:-1]
    return nodes, ttl_ms, limit
