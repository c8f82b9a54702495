"""SHOW, DESCRIBE and EXPLAIN as bounded queries over constant rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.protocol import Definition
from engine.sql.context import Context
from engine.sql.definitions import no_catalog
from engine.sql.expressions import Binder
from engine.sql.keyed import DELTA_MODES
from engine.sql.logical import BoundedQuery
from engine.sql.names import ColumnScope, Names
from engine.sql.plan_parts import Column
from engine.sql.relations import Facts, Field, quoted
from engine.sql.statements import Show
from engine.sql.values import text_literal
from engine.types import STRING

SHOWN = {
    "streams": (
        "stream",
        "random_stream",
        "view",
        "materialized_view",
        "external_stream",
        "external_table",
    ),
    "views": ("view", "materialized_view"),
    "materialized views": ("materialized_view",),
    "functions": ("function",),
    "external streams": ("external_stream",),
    "external tables": ("external_table",),
    "format schemas": ("schema",),
    "databases": (),
}
_WITHOUT_TIME = ("view", "external_stream", "external_table")
_DESCRIBE = (
    "name",
    "type",
    "default_type",
    "default_expression",
    "comment",
    "codec_expression",
    "ttl_expression",
)


def _rows(names: Sequence[str], rows: Sequence[Sequence[str]], where: str = "") -> BoundedQuery:
    """A query that gives these texts in this order."""
    schema = tuple(Column(name, STRING) for name in names)
    heads = ", ".join(quoted(name) for name in names)
    if not rows:
        empty = ", ".join(f"CAST(NULL AS VARCHAR) AS {quoted(name)}" for name in names)
        return BoundedQuery(f"SELECT {empty} WHERE false", (), schema)
    lines = [
        f"({at}, " + ", ".join(text_literal(cell).sql for cell in row) + ")"
        for at, row in enumerate(rows)
    ]
    condition = f" WHERE {where}" if where else ""
    values = f"(VALUES {', '.join(lines)}) AS __v(__at, {heads})"
    return BoundedQuery(f"SELECT {heads} FROM {values}{condition} ORDER BY __at", (), schema)


def lines(name: str, texts: Sequence[str]) -> BoundedQuery:
    """One column of texts."""
    return _rows((name,), [(text,) for text in texts])


def describe(columns: Sequence[tuple[str, ...]]) -> BoundedQuery:
    """Name, type, default_type, default_expression, comment, codec, TTL; the last may be left
    out."""
    blanks = ("",) * len(_DESCRIBE)
    return _rows(_DESCRIBE, [(*row, *blanks[len(row) :]) for row in columns])


def describe_definition(definition: Definition) -> BoundedQuery:
    """The columns of a stream, `_tp_time` included, or of a view."""
    rows: list[tuple[str, ...]] = [
        (
            *(c.name, c.type, c.kind if c.default else "", c.default, c.comment),
            *(c.codec, c.ttl_expression),
        )
        for c in definition.columns
    ]
    if definition.mode in DELTA_MODES and definition.kind != "view":
        rows.append(("_tp_delta", "int8", "default", "1", ""))
    declared = any(c.name == "_tp_time" for c in definition.columns)
    if definition.kind not in _WITHOUT_TIME and not declared:
        default = definition.event_time_column or "now64(3, 'UTC')"
        rows.append(("_tp_time", "datetime64(3, 'UTC')", "default", default, ""))
    return describe(rows)


def show(statement: Show, definitions: Iterable[Definition]) -> BoundedQuery:
    """Names, in order; LIKE and WHERE see the column `name`."""
    kinds = SHOWN[statement.kind]
    names = sorted(d.name for d in definitions if d.kind in kinds)
    names = ["default"] if statement.kind == "databases" else names
    where = ""
    if statement.like:
        negated = "NOT " if statement.negated else ""
        pattern = text_literal(statement.like).sql
        where = f"{quoted('name')} {negated}LIKE {pattern} ESCAPE '\\'"
    elif statement.where is not None:
        from engine.sql.allow import check

        check(statement.where)
        fields = (Field("name", STRING, quoted("name")),)
        scope = ColumnScope(Names(fields, {}), Context(no_catalog, Facts()))
        where = Binder(scope).condition(statement.where)
    return _rows(("name",), [(name,) for name in names], where)
