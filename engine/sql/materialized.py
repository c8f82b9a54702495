"""Materialized views: what they define, which target columns their rows fill, and their plan."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from engine.background import HEADERS, writes_outside
from engine.batch import TP_DELTA, TP_TIME
from engine.errors import Code, SqlError
from engine.functions.table import MISSING
from engine.naming import a_kind, is_servers, kind_words
from engine.owned_names import write_refusal
from engine.protocol import ColumnDef, Definition
from engine.sql.context import Context, Item
from engine.sql.definitions import bind_columns, check_definition
from engine.sql.durable import CreateMaterializedView
from engine.sql.external import EXTERNAL
from engine.sql.external_streams import writable_beside
from engine.sql.logical import StreamingQuery
from engine.sql.lower_streaming import lower_streaming
from engine.sql.names import use
from engine.sql.plan_parts import Column
from engine.sql.relations import Facts, is_bounded
from engine.sql.settings import check_query_settings
from engine.sql.values import in_type
from engine.table_calls import ColumnsUnknown
from engine.types import DATETIME64_3_UTC, INT8

_COMPUTED = ("_tp_sn", "_tp_append_time", "_tp_shard")
# In a view's options: how often its query was replaced. State of another query is of no use.
EPOCH = "epoch"
_WEIGHTED_MODES = ("changelog", "changelog_kv")


@dataclass(frozen=True, slots=True)
class ViewPlan:
    """A view's query: its result has exactly the target's columns that `columns` name."""

    plan: StreamingQuery
    columns: tuple[Column, ...]
    target: Definition


def materialized_definition(
    statement: CreateMaterializedView,
    item: Item,
    context: Context,
    given: dict[str, str],
) -> Definition:
    """The definition that CREATE MATERIALIZED VIEW means, checked against its target and planned
    once.

    Raises SqlError 36 for a query that ends, for names that cannot be columns and for columns that
    the target does not have.
    """
    if is_bounded(item.relation):
        message = (
            f"materialized view {statement.name} reads no stream without end: leave out table(), "
            "or use INSERT INTO ... SELECT for the rows of this moment"
        )
        raise SqlError(message, Code.BAD_ARGUMENTS)
    target = context.lookup(statement.into) if statement.into else None
    check_query_settings(given, "a materialized view")
    options: dict[str, object] = {"if_not_exists": True} if statement.if_not_exists else {}
    if target is not None:
        options["into"] = target.name
        options["target_id"] = target.id
    names = [field.name for field in item.fields]
    definition = Definition(
        id="",
        name=statement.name,
        kind="materialized_view",
        columns=_declared(item),
        mode="changelog" if TP_DELTA in names and target is None else "append",
        description=statement.comment,
        query=statement.query_text.strip(),
        options=options,
    )
    for name in names:
        if name in _COMPUTED:
            message = f"column {name} of {statement.name} is computed: give it another name by AS"
            raise SqlError(message, Code.BAD_ARGUMENTS)
        if names.count(name) > 1:
            message = f"materialized view {statement.name} has two columns {name[:120]}"
            raise SqlError(message, Code.DUPLICATE_COLUMN)
    definition = check_definition(definition)
    columns_filled, _ = target_columns(definition, item, target)
    if target is not None and target.kind in EXTERNAL:
        header = [[column.name, str(column.type)] for column in columns_filled]
        held = {**definition.options, HEADERS: [header]}
        definition = msgspec.structs.replace(definition, options=held)
    cast_plan(item, columns_filled, context.facts, given)
    return definition


def target_columns(
    view: Definition, item: Item, target: Definition | None
) -> tuple[tuple[Column, ...], Definition]:
    """The target's columns that the fields fill, in their order, and the target itself."""
    where = target or view
    if target is not None and target.kind in EXTERNAL:
        return _outside(view, item, target), target
    if target is not None and target.kind != "stream":
        message = f"{where.name} is {a_kind(where.kind)}, rows go into streams"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    if target is not None and is_servers(target.name):
        message = f"{target.name} belongs to the server, which alone writes its rows"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    if target is not None and (said := write_refusal(target.name)):
        raise SqlError(said, Code.BAD_ARGUMENTS)
    held = {
        c.name: Column(c.name, c.type)
        for c in bind_columns(where)
        if c.kind not in ("alias", "materialized")
    }
    held.setdefault(TP_TIME, Column(TP_TIME, DATETIME64_3_UTC))
    if where.mode in _WEIGHTED_MODES:
        held.setdefault(TP_DELTA, Column(TP_DELTA, INT8))
    found: list[Column] = []
    for field in item.fields:
        column = held.get(field.name)
        if column is None:
            raise SqlError(_misfit(view, where, field.name), Code.BAD_ARGUMENTS)
        found.append(column)
    if where.mode == "changelog_kv" and TP_DELTA not in (field.name for field in item.fields):
        message = (
            f"{where.name} is a changelog_kv stream, whose rows are changes: materialized view "
            f"{view.name} must select _tp_delta (usually with EMIT CHANGELOG)"
        )
        raise SqlError(message, Code.INCORRECT_QUERY)
    return tuple(found), where


def _outside(view: Definition, item: Item, target: Definition) -> tuple[Column, ...]:
    """The columns of an external object that the fields fill."""
    if target.kind == "external_table" and not target.columns:
        raise ColumnsUnknown(target.name)
    held = {c.name: Column(c.name, c.type) for c in bind_columns(target) if not c.alias}
    if target.kind == "external_stream":
        held |= {column.name: column for column in writable_beside(target)}
    found: list[Column] = []
    for field in item.fields:
        if field.name not in held:
            message = (
                f"{kind_words(target.kind)} {target.name} has no column {field.name[:120]} for "
                f"materialized view {view.name}: columns go to the target by name, name it by AS"
            )
            raise SqlError(message, Code.BAD_ARGUMENTS)
        found.append(held[field.name])
    return tuple(found)


def _misfit(view: Definition, target: Definition, name: str) -> str:
    if name == TP_DELTA:
        return (
            f"{target.name} keeps no _tp_delta: materialized view {view.name} gives a changelog, "
            "which goes into a stream of mode changelog or changelog_kv"
        )
    return (
        f"stream {target.name} has no column {name[:120]} for materialized view {view.name}: "
        "columns go to the target by name, name it by AS"
    )


def altered(view: Definition, query_text: str, item: Item, context: Context) -> Definition:
    """The view with another bound query; its state begins anew. Raises SqlError 36 when the
    query's columns do not fit the target."""
    if is_bounded(item.relation):
        message = (
            f"materialized view {view.name} would read no stream without end: leave out table()"
        )
        raise SqlError(message, Code.BAD_ARGUMENTS)
    if writes_outside(view):
        message = (
            f"materialized view {view.name} writes into an external object, which has no rows of "
            "another query: drop it and create one with the other query"
        )
        raise SqlError(message, Code.NOT_IMPLEMENTED)
    into = str(view.options.get("into", ""))
    target_columns(view, item, context.lookup(into) if into else None)
    reads = [*context.facts.views, *(read.definition.name for read in context.facts.reads)]
    if view.name in reads:
        raise SqlError(f"view {view.name} reads itself", Code.BAD_ARGUMENTS)
    options = {
        **view.options,
        "reads": list(dict.fromkeys(reads)),
        "functions": list(context.facts.functions),
        EPOCH: int(view.options.get(EPOCH, 0)) + 1,
    }
    columns = _declared(item) if into else view.columns
    return msgspec.structs.replace(view, query=query_text.strip(), columns=columns, options=options)


def _declared(item: Item) -> tuple[ColumnDef, ...]:
    """The columns of a query that a view declares."""
    return tuple(
        ColumnDef(field.name, str(field.type))
        for field in item.fields
        if field.name not in (TP_TIME, TP_DELTA)
    )


def plan_view(view: Definition, item: Item, context: Context, settings: dict[str, str]) -> ViewPlan:
    """The plan of a view's bound query, cast to the types of its target's columns."""
    into = str(view.options.get("into", ""))
    columns, target = target_columns(view, item, context.lookup(into) if into else None)
    return ViewPlan(cast_plan(item, columns, context.facts, settings), columns, target)


def cast_plan(
    item: Item, columns: tuple[Column, ...], facts: Facts, settings: dict[str, str]
) -> StreamingQuery:
    """The streaming plan of a bound query whose columns have these names and types."""
    fields = [
        replace(
            field,
            name=column.name,
            type=column.type,
            sql=in_type(replace(use(field), constant=MISSING), column.type),
        )
        for field, column in zip(item.fields, columns, strict=True)
    ]
    return lower_streaming(Item(item.relation, tuple(fields)), facts, settings)


def with_settings(view: Definition, settings: dict[str, str]) -> Definition:
    """The view with other query settings."""
    check_query_settings(settings, "a materialized view")
    return msgspec.structs.replace(view, settings=settings)
