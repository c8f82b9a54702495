"""Binds changelog(x, key, ... [, version] [, drop_late_rows])."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from sqlglot import exp

from engine.batch import TP_DELTA
from engine.errors import Code, SqlError
from engine.sql.changelog import can_track, is_changelog, track
from engine.sql.context import Context, Item
from engine.sql.expressions import Binder
from engine.sql.names import ColumnScope, Names
from engine.sql.nodes import Call
from engine.sql.plan_parts import Named
from engine.sql.relations import (
    Field,
    Relation,
    Renamed,
    Upserted,
    is_bounded,
    quoted,
    reads_of,
)
from engine.types import INT8

_VERSION_DEFAULT = "_tp_time"
_SHARD = "0::INTEGER"


def bind_changelog(call: Call, item: Item, context: Context) -> Item:
    """Rows that replace each other by key. SqlError 36, 42 or 48 for what makes no sense."""
    nodes, drop_late = _arguments(call)
    if is_bounded(item.relation):
        message = "changelog() follows a stream; stored rows have no changes: leave out table()"
        raise SqlError(message, Code.NOT_IMPLEMENTED)
    if not nodes:
        return _of_changelog(item, drop_late=drop_late)
    if is_changelog(item.relation):
        message = "the source of changelog() is a changelog itself: give no keys"
        raise SqlError(message, Code.NOT_IMPLEMENTED)
    # What is the same for all rows need not be kept by key.
    constants = [f for f in item.fields if f.sql == _SHARD]
    fields = tuple(f for f in item.fields if f.name != TP_DELTA and f not in constants)
    columns = [Named(f"__u{at}", field.sql, field.type) for at, field in enumerate(fields)]
    shown = [replace(f, sql=quoted(c.name)) for f, c in zip(fields, columns, strict=True)]
    shown += constants
    uses = [field.uses for field in fields]
    binder = Binder(ColumnScope(Names(fields, {}), context))
    names: list[str] = []
    for node in nodes:
        arg = binder.bind(node)
        known = next((c.name for c in columns if c.sql == arg.sql), "")
        if not known:
            known = f"__u{len(columns)}"
            columns.append(Named(known, arg.sql, arg.type))
            uses.append(())
        names.append(known)
    version = ""
    if drop_late:
        version = names.pop() if len(names) > 1 else _default_version(fields, columns)
    source = Renamed(cast("Relation", item.relation), tuple(columns), tuple(uses))
    relation = Upserted(source, tuple(names), version, drop_late)
    return Item(relation, (*shown, Field(TP_DELTA, INT8, quoted(TP_DELTA))))


def _arguments(call: Call) -> tuple[list[exp.Expr], bool]:
    """Keys and version as written, and whether late rows are dropped."""
    nodes = list(call.expressions[1:])
    if nodes and isinstance(nodes[-1], exp.Boolean):
        return nodes[:-1], bool(nodes[-1].this)
    return nodes, False


def _default_version(fields: tuple[Field, ...], columns: list[Named]) -> str:
    for field, column in zip(fields, columns, strict=False):
        if field.name == _VERSION_DEFAULT:
            for read, name in field.uses:
                read.used.add(name)
            return column.name
    message = (
        "changelog(..., true) drops rows of old versions: name the version column before true, "
        "since its source has no _tp_time"
    )
    raise SqlError(message, Code.BAD_ARGUMENTS)


def _of_changelog(item: Item, *, drop_late: bool) -> Item:
    """Without keys: the changes of a stream that has keys or weights of its own."""
    if not can_track(item.relation):
        message = "changelog() of rows without a primary key wants key columns: changelog(x, key)"
        raise SqlError(message, Code.NUMBER_OF_ARGUMENTS)
    track(item.relation)
    for read in reads_of(item.relation):
        read.arrival_wins = not drop_late
    fields = tuple(field for field in item.fields if field.name != TP_DELTA)
    return Item(item.relation, (*fields, Field(TP_DELTA, INT8, quoted(TP_DELTA))))
